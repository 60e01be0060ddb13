"""References between the classes of a label set: partners, hosts of lesions, and other names."""

from __future__ import annotations

import re

from swinx.errors import LabelSetError
from swinx.files import shown
from swinx.labels.class_names import name_words
from swinx.labels.label_set import LabelSet
from swinx.rules import LabelSetRules as Rule

__all__ = ["check_meaning", "check_references"]

_UNKNOWN_NAME = frozenset({"unknown"})


def check_references(label_set: LabelSet, source: str) -> None:
    """Refuse partners and hosts that are no classes, partners that are not mutual, and names of two classes.

    Args:
        label_set: The classes.
        source: Where they stand, for messages.

    Raises:
        LabelSetError: If there is one of these, classes that lie inside each other, or an alias with another meaning.
    """
    for each in label_set.classes:
        for other in (*([each.mirror] if each.mirror else []), *(each.inside or ())):
            if other not in label_set.names[1:] or other == each.name:
                raise LabelSetError(Rule.OTHER_CLASS.says(source=source, name=each.name, other=shown(other)))
        if each.mirror and label_set.classes[label_set.names.index(each.mirror) - 1].mirror != each.name:
            raise LabelSetError(Rule.ONE_SIDED.says(source=source, name=each.name, other=each.mirror))
    _check_hosts(label_set, source)
    taken = {name_words(name): name for name in label_set.names}
    for each in label_set.classes:
        for alias in each.aliases:
            check_meaning(alias, source)
            if (owner := taken.setdefault(name_words(alias), each.name)) != each.name:
                raise LabelSetError(Rule.ALIAS.says(source=source, alias=shown(alias), first=owner, second=each.name))


def check_meaning(name: str, source: str) -> None:
    """Refuse a name that label maps and lists of annotated classes would read as a number, or as unknown.

    Raises:
        LabelSetError: If it is one.
    """
    is_unknown = name_words(name) == _UNKNOWN_NAME
    if is_unknown or all(part.lstrip("+-").isdecimal() for part in re.split(r"[\s,;]+", name.strip())):
        meaning = "voxels without annotation" if is_unknown else "a number in label files"
        raise LabelSetError(Rule.RESERVED.says(source=source, name=shown(name), meaning=meaning))


def _check_hosts(label_set: LabelSet, source: str) -> None:
    """Refuse lesions that lie inside each other, directly or by others."""
    hosts = {each.name: set(each.inside or ()) for each in label_set.classes}
    reached = {name: set(direct) for name, direct in hosts.items()}
    for through in hosts:
        for within in reached.values():
            if through in within:
                within |= reached[through]
    if circle := [name for name, within in reached.items() if name in within]:
        raise LabelSetError(Rule.CIRCLE.says(source=source, names=" and ".join(circle)))

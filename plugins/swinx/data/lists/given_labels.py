"""Label sets as data lists have them: a name, a file, or the classes themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from swinx.errors import LabelSetError
from swinx.files import absolute_path, expanded, shown
from swinx.labels import BACKGROUND, UNKNOWN, LabelSet, known_label_sets, read_label_set
from swinx.rules import EntryRules
from swinx.visible_text import visible

__all__ = ["given_label_set", "has_regions", "label_place", "listed_labels", "map_of_ignored"]

_IGNORED = "ignore"


def listed_labels(label_set: LabelSet) -> Any:
    """Return a label set as a data list has it: numbers to names if it is a known one, else in the long form."""
    if any(read_label_set(name) == label_set for name in known_label_sets()):
        return {str(value): name for value, name in zip(label_set.values, label_set.names, strict=True)}
    return {key: value for key, value in label_set.as_json().items() if key != "sha256"}  # people edit lists


def given_label_set(given: Any, roots: Sequence[Path]) -> LabelSet | None:
    """Return the label set of ``labels`` as a list has them; None if it has none.

    Args:
        given: Name, path of a file, or the classes themselves.
        roots: Folders in which the file may lie; a path is relative to the first.

    Raises:
        LabelSetError: If it is no label set.
    """
    if isinstance(given, str):
        return read_label_set(label_place(given, "labels", roots), "labels")
    if given is None:
        return None
    table = _table(given)
    for name in known_label_sets() if table is not None else ():
        known = read_label_set(name)
        if table == dict(zip(known.names[1:], known.values[1:], strict=True)):
            return known
    return _inline(json.dumps(given))


@lru_cache(maxsize=16)
def _inline(text: str) -> LabelSet:
    """Read a label set once, since reading tells of partners."""
    return read_label_set(json.loads(text), "labels")


def _table(given: Any) -> dict[str, int] | None:
    """Return names to numbers of an inline label set, without the background; None if more is told of its classes."""
    labels = given.get("labels", given) if "classes" not in given else None
    if not isinstance(labels, Mapping):
        return None
    if all(str(key).isdecimal() and isinstance(value, str) for key, value in labels.items()):
        if len(set(labels.values())) < len(labels):  # left to the reader, which says so
            return None
        labels = {name: int(number) for number, name in labels.items()}
    return {name: value for name, value in labels.items() if (name, value) != (BACKGROUND, 0) and name != _IGNORED}


def map_of_ignored(given: Any, own: LabelSet) -> dict[str, Any] | None:
    """Return the meaning of the numbers of ``labels`` that name nnU-Net's class of ignored voxels; None without one."""
    labels = given.get("labels", given) if isinstance(given, Mapping) else None
    number = labels.get(_IGNORED) if isinstance(labels, Mapping) else None
    if type(number) is not int:
        return None
    return {str(value): value for value in own.values} | {str(number): UNKNOWN}


def has_regions(given: Any) -> bool:
    """Return whether ``labels`` are nnU-Net's regions, several numbers a name, which are no label set."""
    return isinstance(given, Mapping) and any(isinstance(value, list) for value in given.values())


def label_place(given: str, key: str, roots: Sequence[Path]) -> str:
    """Return the name of a known label set, or the path of a file in the folders of the list."""
    if given in known_label_sets():
        return given
    place = absolute_path(roots[0] / expanded(given)) if roots else absolute_path(given)
    if not any(place.is_relative_to(root) for root in roots):
        allowed = visible(" and ".join(str(root) for root in roots))
        raise LabelSetError(EntryRules.OUTSIDE.says(key=key, value=shown(given), allowed=allowed))
    return str(place)

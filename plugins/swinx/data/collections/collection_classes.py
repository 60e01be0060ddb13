"""The label set of a collection that is listed: its own, or that of the user, matched by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from swinx.data.collections.found_collection import FoundCollection
from swinx.data.lists.given_labels import given_label_set
from swinx.errors import DataListError, LabelSetError
from swinx.labels import FLARE23, LabelSet
from swinx.rules import CollectionListRules as Rule
from swinx.visible_text import visible

__all__ = ["with_classes"]

_MANY = 20


def with_classes(
    found: FoundCollection, folder: Path, label_set: LabelSet | None
) -> tuple[FoundCollection, LabelSet, list[str]]:
    """Return a collection with the meaning of its numbers, its label set, and what is to be said of it.

    Args:
        found: The collection.
        folder: Its folder.
        label_set: Label set of the user, whose classes are taken by name; None for that of the collection.

    Raises:
        DataListError: If what the collection names is no label set, and the user gives none.
    """
    try:
        own = given_label_set(found.labels, [folder])
    except LabelSetError as error:
        if label_set is None:
            raise DataListError(Rule.LABELS.says(folder=visible(folder), detail=error)) from error
        own = None
    if label_set is None:
        return found, own or FLARE23, [] if own else [Rule.NO_LABELS.says(name=FLARE23.name)]
    if own is None or (own.same_classes(label_set) and own.values == label_set.values):
        return found, label_set, []
    names = {each.name: next(filter(label_set.find, (each.name, *each.aliases)), 0) for each in own.classes}
    if not any(names.values()):
        return found, label_set, [Rule.RENAMED.says(layout=found.layout, names=own.listed(own.foreground, _MANY))]
    lacking = [label for label, meant in enumerate(names.values(), start=1) if not meant]
    told = Rule.BY_NAME.says(layout=found.layout, lacking=own.listed(lacking, _MANY) or "none")
    if all(each.label is None or each.label.is_dir() for each in found.cases):  # masks have names
        return found, label_set, [told]
    listed = found.label_map or {str(each.value): each.name for each in own.classes}
    label_map = {number: names.get(name, name) for number, name in listed.items()}
    return replace(found, label_map=label_map), label_set, [told]

"""Label maps that a user gives for a collection: one for all, or one for each source."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swinx.data.lists.list_file import read_list
from swinx.errors import DataListError, LabelSetError, RecordError
from swinx.files import object_of, read_object, shown
from swinx.labels import LabelSet, class_numbers, known_label_sets
from swinx.rules import CollectionListRules as Rule
from swinx.visible_text import visible

__all__ = ["GivenMap", "lost_maps", "read_label_map", "sources_named"]

_Map = Mapping[str, Any] | str | None


@dataclass(frozen=True)
class GivenMap:
    """Meaning of the numbers in label files.

    Attributes:
        whole: Map of all label files; None if they have the numbers of the label set, or maps by source.
        by_source: Map of each source.
    """

    whole: _Map = None
    by_source: Mapping[str, _Map] = field(default_factory=dict)

    def of(self, item: Mapping[str, Any]) -> _Map:
        """Return the map of an entry."""
        return self.by_source.get(item["source"]) if self.by_source and "source" in item else self.whole

    def as_listed(self) -> dict[str, Any]:
        """Return the keys of a data list."""
        named = {"label_map": self.whole, "label_maps": dict(self.by_source) or None}
        return {key: value for key, value in named.items() if value is not None}


def read_label_map(given: str | Mapping[str, Any], label_set: LabelSet) -> GivenMap:
    """Return the label maps of a user.

    Args:
        given: Numbers to classes, or the name of a label set that the files follow, or sources to these; as plain data,
            as JSON, or as the path of a JSON file.
        label_set: The classes that the maps name.

    Raises:
        DataListError: If it is none of these, or a map breaks a rule.
    """
    content = _content(given)
    if isinstance(content, str) or all(str(key).isdecimal() for key in content):
        found = GivenMap(whole=content)
    elif all(value is None or isinstance(value, str | Mapping) for value in content.values()):
        found = GivenMap(by_source=content)
    else:
        raise DataListError(Rule.LABEL_MAP.says(given=shown(given)))
    try:
        for source, label_map in (found.by_source or {"label_map": found.whole}).items():
            class_numbers(label_set, label_map, f"--label_map {visible(source)}")
    except LabelSetError as error:
        raise DataListError(str(error)) from error
    return found


def _content(given: str | Mapping[str, Any]) -> Mapping[str, Any] | str:
    if not isinstance(given, str) or given in known_label_sets():
        return given
    try:
        content = (
            json.loads(given, object_pairs_hook=object_of)
            if given.lstrip().startswith("{")
            else read_object(Path(given))
        )
    except (OSError, RecordError, ValueError) as error:
        raise DataListError(Rule.LABEL_MAP.says(given=shown(given))) from error
    if not isinstance(content, dict) or not content:
        raise DataListError(Rule.LABEL_MAP.says(given=shown(given)))
    return content


def sources_named(paths: Sequence[str], pattern: str) -> list[str | None]:
    """Return the source that an expression finds in each path: its first group, or all that it matches.

    Args:
        paths: Scans, relative to the collection.
        pattern: Regular expression.

    Raises:
        DataListError: If it is none.

    Examples:
        >>> sources_named(["site_A/p1/ct.nii.gz", "other/ct.nii.gz"], "site_.")
        ['site_A', None]
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataListError(Rule.SOURCE.says(pattern=visible(pattern), detail=error)) from error
    found = [compiled.search(path) for path in paths]
    return [None if one is None else one[1 if compiled.groups else 0] for one in found]


def lost_maps(path: str | os.PathLike[str], extra: Mapping[str, Any]) -> list[str]:
    """Return the maps of a data list that a new one at its place would not have.

    Args:
        path: The list, which need not exist.
        extra: Keys of the new one.
    """
    try:
        old = read_list(path)
    except DataListError:  # there is none, or nothing to lose
        return []
    lost = [key for key in ("label_map", "label_maps") if old.get(key) is not None and old[key] != extra.get(key)]
    entries = [entry for section in old.values() if isinstance(section, list) for entry in section]
    own = any(isinstance(entry, dict) and "label_map" in entry for entry in entries)
    return [*lost, *(["entries[].label_map"] if own else [])]

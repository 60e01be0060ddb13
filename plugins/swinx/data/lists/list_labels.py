"""The label set of a data list, and the meaning of the numbers in its label files."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from swinx.data.lists.given_labels import given_label_set, has_regions, label_place, map_of_ignored
from swinx.data.lists.list_file import list_roots, read_list
from swinx.errors import DataListError, LabelSetError
from swinx.files import absolute_path, shown
from swinx.labels import FLARE23, UNKNOWN, ClassNumbers, LabelSet, class_numbers
from swinx.rules import EntryRules, LabelSetRules, ListRules
from swinx.visible_text import visible

__all__ = ["ListLabels", "data_directory", "labels_of", "list_label_set"]

_Map = Mapping[str, Any] | str | None
_MANY = 20

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ListLabels:
    """Classes that a data list speaks of, and those that its reader works with.

    Attributes:
        own: Label set of the list: what its names, its numbers and its label files mean.
        used: Label set that the items are for; class ids are of this one.
        roots: Folders in which a file of a label set may lie; paths are relative to the first.
        whole: ``label_map`` of the list, None if there is none.
        by_source: ``label_maps`` of the list.
    """

    own: LabelSet = FLARE23
    used: LabelSet = FLARE23
    roots: tuple[Path, ...] = ()
    whole: _Map = None
    by_source: Mapping[str, _Map] = field(default_factory=lambda: MappingProxyType({}))

    @cached_property
    def is_same(self) -> bool:
        """True if both label sets have the same classes under the same numbers."""
        return self.own.same_classes(self.used) and self.own.values == self.used.values

    def ids_of(self, given: Collection[Any], source: str) -> list[int]:
        """Return the sorted class ids of names and numbers; classes that the label set in use lacks are left out.

        Raises:
            LabelSetError: If the list's own label set has no such class.
        """
        own = self.own.ids_of(given, source)
        return own if self.is_same else sorted({self._used_ids[label] for label in own} - {0})

    def check(self) -> None:
        """Check all label maps of the list, whichever of them its entries need.

        Raises:
            LabelSetError: If one breaks a rule.
        """
        self._own_numbers(self.whole, "label_map")
        for name, label_map in self.by_source.items():
            self._own_numbers(label_map, f"label_maps {name!r}")

    def numbers(self, entry: Mapping[str, Any], source: str) -> ClassNumbers:
        """Return the meaning of the numbers in the label file of an entry: its own map, its source's or the list's.

        Raises:
            LabelSetError: If the map breaks a rule, or the list has maps by source, but none for that of the entry.
        """
        return self._meaning(*self._map_of(entry, source))

    def own_numbers(self, entry: Mapping[str, Any], source: str) -> ClassNumbers:
        """Return the meaning of the numbers in the label file of an entry in ids of the list's own label set.

        Raises:
            LabelSetError: As :meth:`numbers`.
        """
        return self._own_numbers(*self._map_of(entry, source))

    def _map_of(self, entry: Mapping[str, Any], source: str) -> tuple[_Map, str]:
        """Return the map of an entry, and where it stands."""
        if "label_map" in entry:
            return entry["label_map"], source
        if self.by_source and (name := entry.get("source")) is not None:
            if not isinstance(name, str) or name not in self.by_source:
                known = visible(", ".join(self.by_source))
                raise LabelSetError(EntryRules.NO_SOURCE.says(source=shown(name), known=known))
            return self.by_source[name], f"label_maps {name!r}"
        return self.whole, "label_map"

    def named_masks(self, masks: Mapping[str, Any], source: str) -> dict[str, Any]:
        """Return masks by class name, with the names of the label set in use and without classes that it lacks.

        Raises:
            LabelSetError: If the list's own label set has no such class.
        """
        ids = {name: self.ids_of([name], source) for name in masks}
        if self.is_same:
            return dict(masks)
        kept = {self.used.names[found[0]]: masks[name] for name, found in ids.items() if found}
        if not kept:
            raise LabelSetError(LabelSetRules.MAP_EMPTY.says(source=source, name=self.used.title))
        return kept

    @cached_property
    def covered(self) -> frozenset[int]:
        """Ids of the classes that the list's own label set can tell."""
        return frozenset(self.used.foreground if self.is_same else set(self._used_ids.values()) - {0, UNKNOWN})

    @cached_property
    def left_out(self) -> tuple[int, ...]:
        """Ids of the list's own classes that the label set in use lacks."""
        return () if self.is_same else tuple(label for label in self.own.foreground if not self._used_ids[label])

    def _meaning(self, label_map: _Map, source: str) -> ClassNumbers:
        key = label_map if isinstance(label_map, str | None) else json.dumps(label_map)
        if key not in self._meanings:
            self._meanings[key] = self._checked(label_map, source)
        return self._meanings[key]

    def _checked(self, label_map: _Map, source: str) -> ClassNumbers:
        own = self._own_numbers(label_map, source)
        if self.is_same:
            return own
        ids = {number: self._used_ids[label] for number, label in own.ids.items()}
        if not set(ids.values()) - {0, UNKNOWN}:
            raise LabelSetError(LabelSetRules.MAP_EMPTY.says(source=source, name=self.used.title))
        return ClassNumbers(ids)

    def _own_numbers(self, label_map: _Map, source: str) -> ClassNumbers:
        given = label_place(label_map, source, self.roots) if isinstance(label_map, str) else label_map
        return class_numbers(self.own, given, source)

    @cached_property
    def _used_ids(self) -> dict[int, int]:
        """Own class ids to those of the label set in use, 0 where it lacks the class."""
        found = {0: 0, UNKNOWN: UNKNOWN}
        first: dict[int, int] = {}
        for label in self.own.foreground:
            names = (self.own[label].name, *self.own[label].aliases)
            used = next((there for name in names if (there := self.used.find(name))), 0)
            if used and first.setdefault(used, label) != label:
                numbers = {"first": self.own.values[first[used]], "second": self.own.values[label]}
                raise LabelSetError(
                    LabelSetRules.MAP_TWICE.says(source="labels", **numbers, name=self.used.names[used])
                )
            found[label] = used
        return found

    @cached_property
    def _meanings(self) -> dict[str | None, ClassNumbers]:
        return {}


def list_label_set(path: str | os.PathLike[str], base_dir: str | os.PathLike[str] | None = None) -> LabelSet:
    """Return the label set of a data list: that of its ``labels``, or FLARE-23's if it has none.

    ``labels`` is the name of a known set, the path of a JSON file relative to the data directory, or the classes
    themselves in a form that :func:`swinx.labels.read_label_set` takes. Classes with exactly the names and numbers of a
    known set are that set.

    Args:
        path: The JSON file.
        base_dir: Data directory of the list; by default its folder.

    Raises:
        DataListError: If the list cannot be read, or its ``labels`` are no label set.
    """
    content = read_list(path)
    return labels_of(content, list_roots(content, data_directory(path, base_dir), path), path, None).own


def labels_of(
    content: Mapping[str, Any],
    roots: Sequence[Path],
    path: str | os.PathLike[str],
    label_set: LabelSet | None = None,
) -> ListLabels:
    """Return the classes of a data list, its label maps checked.

    Args:
        content: The list.
        roots: Folders in which its files may lie, the data directory first.
        path: The file, for messages.
        label_set: Label set to use; by default the list's own. A list without ``labels`` has that of its reader.

    Raises:
        DataListError: If ``labels`` are no label set, or a label map breaks a rule; the message names the list.
    """
    given = content.get("labels")
    try:
        own = None if label_set is not None and has_regions(given) else given_label_set(given, roots)
        own = own or label_set or FLARE23
        whole = content.get("label_map", map_of_ignored(given, own))
        found = ListLabels(own, label_set or own, tuple(roots), whole, content.get("label_maps") or {})
        found.check()
    except LabelSetError as error:
        raise DataListError(f"{visible(path)}: {error}") from error
    if found.left_out:
        _tell_once(ListRules.LEFT_OUT.says(path=visible(path), names=own.listed(found.left_out, _MANY)))
    return found


@lru_cache(maxsize=64)
def _tell_once(text: str) -> None:
    _logger.warning("%s", text)


def data_directory(path: str | os.PathLike[str], base_dir: str | os.PathLike[str] | None) -> Path:
    """Return the folder that paths of a list are relative to: ``base_dir``, or the folder of the list."""
    return absolute_path(Path(path).parent if base_dir is None else base_dir)

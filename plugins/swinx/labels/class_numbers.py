"""Numbers of classes in label files, and the class ids that they mean."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swinx.errors import LabelSetError
from swinx.labels.label_set import UNKNOWN, LabelSet
from swinx.labels.read_label_set import known_label_sets, read_label_set
from swinx.rules import LabelSetRules as Rule
from swinx.visible_text import visible

__all__ = ["ClassNumbers", "LabelMapping", "class_numbers", "file_numbers"]

LabelMapping = Mapping[Any, Any] | str
"""Numbers in files to class names or numbers of a label set; or the name of the label set that the files follow."""

_OTHER_NAMES = {"flare": "flare23"}


@dataclass(frozen=True)
class ClassNumbers:
    """Table from the numbers in a label file to class ids.

    Attributes:
        ids: Number in the file to class id, 0 for what counts as background, 255 for what is unknown.
    """

    ids: Mapping[int, int]

    @property
    def is_identity(self) -> bool:
        """True if each number is its class id."""
        return all(number == label for number, label in self.ids.items())

    def strange(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Return those of the numbers that mean nothing here."""
        found: NDArray[Any] = numbers[~np.isin(numbers, list(self.ids))]
        return found

    def to_ids(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a label map with class ids; numbers that mean nothing, see :meth:`strange`, must not occur.

        The array itself is returned where nothing changes, and uint8 otherwise.
        """
        if self.is_identity:
            return array
        table = np.zeros(max([*self.ids, UNKNOWN]) + 1, dtype=np.uint8)
        for number, label in self.ids.items():
            table[number] = label
        found: NDArray[Any] = table[array.astype(np.int64)]
        return found


def class_numbers(
    label_set: LabelSet,
    label_map: LabelMapping | None = None,
    source: str = "label_map",
    several: bool = False,
) -> ClassNumbers:
    """Return the meaning of the numbers in label files.

    Args:
        label_set: The classes.
        label_map: Numbers in the files to names or numbers of classes, ``"background"`` or 0 for what is none, and
            ``"unknown"`` or 255 for what is not annotated; or a label set (name, or path of a file) that the files
            follow: its classes are matched by name, and those that ``label_set`` does not have are background. By
            default the files hold the numbers of the label set.
        source: Where the map stands, for messages.
        several: Let several numbers mean one class, such as the lobes of a lung; the way back is lost.

    Raises:
        LabelSetError: If the map names a class that there is not, two numbers for one class without ``several``, no
            class at all, or something that is no number.
    """
    if label_map is None:
        return ClassNumbers({value: label for label, value in enumerate(label_set.values)} | {UNKNOWN: UNKNOWN})
    if isinstance(label_map, Mapping):
        pairs = tuple((str(key), value) for key, value in label_map.items())
        return _from_mapping(label_set, pairs, source, several)
    return _from_label_set(label_set, str(label_map), source, several)


def _from_label_set(label_set: LabelSet, name: str, source: str, several: bool) -> ClassNumbers:
    name = _OTHER_NAMES.get(name, name)
    if name not in known_label_sets() and not os.path.isfile(name):  # noqa: PTH113 - a text of any length
        raise LabelSetError(
            Rule.NO_MAP.says(source=source, given=visible(repr(name)), known=", ".join(known_label_sets()))
        )
    return _by_name(label_set, read_label_set(name, source), source, several)


@lru_cache(maxsize=64)
def _by_name(label_set: LabelSet, other: LabelSet, source: str, several: bool) -> ClassNumbers:
    ids = {0: 0, UNKNOWN: UNKNOWN}
    for each in other.classes:
        names = (each.name, *each.aliases)
        ids[each.value] = next((label for n in names if (label := label_set.find(n)) is not None), 0)
    return _checked(ids, label_set, source, several)


def _from_mapping(label_set: LabelSet, pairs: tuple[tuple[str, Any], ...], source: str, several: bool) -> ClassNumbers:
    ids = {0: 0, UNKNOWN: UNKNOWN}
    for number, given in pairs:
        if not number.isdecimal() or int(number) > np.iinfo(np.uint16).max:
            raise LabelSetError(Rule.MAP_NUMBER.says(source=source, number=visible(repr(number))))
        ids[int(number)] = UNKNOWN if given in (UNKNOWN, "unknown") else label_set.id_of(given, source)
    return _checked(ids, label_set, source, several)


def _checked(ids: dict[int, int], label_set: LabelSet, source: str, several: bool) -> ClassNumbers:
    if ids[0] != 0:
        raise LabelSetError(Rule.MAP_BACKGROUND.says(source=source, name=label_set.names[ids[0]]))
    taken: dict[int, int] = {}
    for number, label in ids.items():
        if label in (0, UNKNOWN):
            continue
        if label in taken and not several:
            name = label_set.names[label]
            raise LabelSetError(Rule.MAP_TWICE.says(source=source, first=taken[label], second=number, name=name))
        taken.setdefault(label, number)
    if not taken:
        raise LabelSetError(Rule.MAP_EMPTY.says(source=source, name=label_set.title))
    return ClassNumbers(ids)


def file_numbers(label_set: LabelSet, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a label map of class ids with the numbers that the label set has in files; 255 stays 255.

    The array itself is returned where nothing changes.
    """
    if not label_set.has_gaps:
        return labels
    table = np.arange(UNKNOWN + 1, dtype=np.uint8)
    table[: label_set.num_classes] = label_set.values
    found: NDArray[np.uint8] = table[labels]
    return found

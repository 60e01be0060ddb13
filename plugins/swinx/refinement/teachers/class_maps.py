"""Classes of a teacher as those of a label set, by name or by number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swinx.errors import LabelSetError, TeacherError
from swinx.geometry import label_values
from swinx.labels import UNKNOWN, LabelMapping, LabelSet, class_numbers, name_words
from swinx.visible_text import visible

__all__ = ["map_classes", "predicted_classes", "read_class_map", "relabel", "unknown_ids"]


_SHOWN = 20


def map_classes(
    names: Mapping[int, str], label_map: LabelMapping | None, label_set: LabelSet, source: str
) -> dict[int, int]:
    """Return the class id of each class of a model.

    Args:
        names: The model's classes by number, without or with background 0.
        label_map: Numbers or names of the model's classes to names or numbers of the label set, given by the user, for
            all classes; or the label set whose numbers the model has, see :func:`read_class_map`. By default the names
            decide; a class that is called by its number (``{3: "3"}``) is the one of that number in label files.
        label_set: The classes.
        source: File that states the names, for messages.

    Returns:
        Class id for each number, background included.

    Raises:
        TeacherError: If a class is none of the label set, is mapped to something that is none, or nothing but
            background is left.
    """
    if label_map is None:
        ids: Mapping[Any, Any] = {old: _by_name(old, name, label_set, source) for old, name in names.items()}
        return read_class_map({old: label_set.values[new] for old, new in ids.items()}, label_set, source)
    if isinstance(label_map, str):
        ids = {old: new for old, new in read_class_map(label_map, label_set, source).items() if old in names}
    else:
        ids = read_class_map(_by_number(names, label_map, source), label_set, source)
    if lost := {old: name for old, name in names.items() if old and old not in ids}:
        raise TeacherError(f"{source}: the label map lacks {_some(lost)}; add them, with 0 for background")
    if not any(ids.values()):
        raise TeacherError(f"{source}: the label map leaves no class but background; map one to a class")
    return {0: 0} | dict(ids)


def read_class_map(label_map: LabelMapping | None, label_set: LabelSet, source: str) -> dict[int, int]:
    """Return the class id of each number in a teacher's label maps, background included.

    Args:
        label_map: Numbers to names or numbers of the label set, where several may mean one class and ``"unknown"`` is
            allowed; or the label set that the numbers follow, by name (``"totalsegmentator"``) or file, whose other
            classes are background. By default they are those of the label set.
        label_set: The classes.
        source: Where the map is used, for messages.

    Raises:
        TeacherError: If a number is none, a value is no class, or nothing but background is left.
    """
    try:
        found = class_numbers(label_set, label_map, source, several=True).ids
    except LabelSetError as error:
        raise TeacherError(str(error)) from error
    given = isinstance(label_map, Mapping) and any(str(key) == str(UNKNOWN) for key in label_map)
    return {number: label for number, label in found.items() if number != UNKNOWN or given}


def predicted_classes(ids: Mapping[int, int]) -> tuple[int, ...]:
    """Return the class ids that a teacher can predict, in ascending order, of what its numbers mean."""
    return tuple(sorted(set(ids.values()) - {0, UNKNOWN}))


def _by_name(old: int, name: str, label_set: LabelSet, source: str) -> int:
    found = label_set.find(name)
    if found is None and name == str(old) and old in label_set.values:
        found = label_set.values.index(old)
    if found is None:
        raise TeacherError(
            f"{source}: class {old} is called {visible(repr(name))}, which is no class of the label set; give a label "
            f"map, for instance {{{old}: {label_set.names[1]!r}}}, or {{{old}: 0}} for background, or the name of the "
            "label set that the model follows"
        )
    return found


def _by_number(names: Mapping[int, str], label_map: Mapping[Any, Any], source: str) -> dict[int, Any]:
    by_words = {name_words(name): old for old, name in names.items()}
    by_number: dict[int, Any] = {}
    for key, value in label_map.items():
        old = by_words.get(name_words(key)) if isinstance(key, str) else key
        if old is None and str(key).isdecimal():
            old = int(key)
        if old is None or (old and old not in names):
            raise TeacherError(
                f"{source}: the label map names {visible(repr(key))}, which the model does not have: {_some(names)}"
            )
        by_number[old] = value
    return by_number


def _some(names: Mapping[int, str]) -> str:
    shown = visible(str(dict(list(names.items())[:_SHOWN])))
    return shown if len(names) <= _SHOWN else f"{shown[:-1]}, ...}}"


def unknown_ids(labels: NDArray[Any], ids: Mapping[int, int]) -> list[int]:
    """Return the ids that occur in a label map but not in a mapping, in ascending order.

    Examples:
        >>> unknown_ids(np.array([[0, 3], [9, 9]]), {0: 0, 3: 1})
        [9]
    """
    return [int(value) for value in label_values(labels) if int(value) not in ids]


def relabel(labels: NDArray[Any], ids: Mapping[int, int]) -> NDArray[np.uint8]:
    """Replace every id of a label map by the one that a mapping gives for it.

    Args:
        labels: Label map of any shape; whole numbers from 0 on, of any dtype.
        ids: New id, 0..255, for each old one.

    Returns:
        A new label map in the shape and memory order of ``labels``.

    Raises:
        ValueError: If the map holds an id that the mapping does not know.

    Examples:
        >>> relabel(np.array([[0, 3], [5, 3]]), {0: 0, 3: 1, 5: 13}).tolist()
        [[0, 1], [13, 1]]
    """
    if strange := unknown_ids(labels, ids):
        raise ValueError(f"label ids {strange} are not in the mapping, which knows {sorted(ids)}")
    table = np.zeros(max(ids, default=0) + 1, dtype=np.uint8)
    for old, new in ids.items():
        table[old] = new
    renamed: NDArray[np.uint8] = table[labels if labels.dtype.kind in "iu" else labels.astype(np.int64)]
    return renamed

"""One label map out of one mask for each class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swinx.labels import FLARE23, UNKNOWN, LabelSet
from swinx.rules import LabelMaskRules

__all__ = ["merge_masks", "merging_order"]

_MOST_SHARED = 0.01
"""Largest share of the smaller of two masks that may lie in the other, unless it is a lesion in its host."""


def merging_order(labels: Iterable[int], label_set: LabelSet = FLARE23) -> list[int]:
    """Return class ids in the order in which :func:`merge_masks` takes them: lesions last.

    Examples:
        >>> merging_order([14, 2, 1])
        [1, 2, 14]
    """
    return sorted(labels, key=lambda label: (label_set[label].is_lesion, label))


def merge_masks(
    masks: Iterable[tuple[int, NDArray[Any]]], label_set: LabelSet = FLARE23
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Return a label map, and notes on voxels that two masks share.

    A voxel in a lesion and in a class that the lesion may lie in (:meth:`swinx.labels.LabelSet.hosts`) is of the
    lesion. A voxel that any other two masks share is of the class that comes first in the label set.

    Args:
        masks: Class id and mask ``(X, Y, Z)`` of each class, not 0 inside, in the order of :func:`merging_order`; one
            is held at a time, if it is an iterator. At least one, all of one shape.
        label_set: The classes.

    Raises:
        ValueError: If two masks share more than 1 % of the smaller one and neither is a lesion in its host.
    """
    merged = np.empty(0, dtype=np.uint8)
    sizes: dict[int, int] = {}
    notes = []
    for label, mask in masks:
        if not sizes:
            merged = np.zeros(mask.shape, dtype=np.uint8, order="F")
        size, shared = _paint(merged, label, mask, label_set)
        for other, count in shared.items():
            told = {"first": label_set.names[other], "second": label_set.names[label], "count": count}
            if _lies_in(label, other, label_set) or _lies_in(other, label, label_set):
                continue
            if count > _MOST_SHARED * (smaller := min(size, sizes[other])):
                raise ValueError(LabelMaskRules.OVERLAP.says(**told, percent=100 * count / smaller))
            notes.append(LabelMaskRules.FEW_SHARED.says(**told, winner=label_set.names[min(label, other)]))
        sizes[label] = size
    return merged, tuple(notes)


def _paint(
    merged: NDArray[np.uint8], label: int, mask: NDArray[Any], label_set: LabelSet
) -> tuple[int, dict[int, int]]:
    """Paint one mask slice by slice; return its size, and how many of its voxels were of each other class."""
    counts = np.zeros(UNKNOWN + 1, dtype=np.int64)
    yields = np.array([other == 0 or _wins(label, other, label_set) for other in range(label_set.num_classes)])
    for index in range(mask.shape[-1]):
        inside = mask[..., index] != 0
        if not inside.any():
            continue
        below = merged[..., index][inside]
        counts += np.bincount(below, minlength=counts.size)
        merged[..., index][inside] = np.where(yields[below], np.uint8(label), below)
    return int(counts.sum()), {int(other): int(counts[other]) for other in np.flatnonzero(counts) if other}


def _wins(label: int, other: int, label_set: LabelSet) -> bool:
    """Return whether a voxel in the masks of two classes is of the first."""
    if _lies_in(label, other, label_set) != _lies_in(other, label, label_set):
        return _lies_in(label, other, label_set)
    return label < other


def _lies_in(lesion: int, host: int, label_set: LabelSet) -> bool:
    """Return whether the first class is a lesion that may lie in the second."""
    return label_set[lesion].is_lesion and host in label_set.hosts(lesion)

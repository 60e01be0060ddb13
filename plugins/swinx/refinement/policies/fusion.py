"""Fusion of a partial truth with pseudo labels: label, provenance and invariants."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from swinx.labels import FLARE23, UNKNOWN, LabelSet

__all__ = [
    "Fusion",
    "Source",
    "check_fusion",
    "check_label_sets",
    "drop_classes",
    "fill_background",
    "provenance",
    "restrict_classes",
]


LabelMap = NDArray[np.uint8]


class Source(IntEnum):
    """Source of the label of a voxel, as stored in a provenance map."""

    BACKGROUND = 0
    ANNOTATED = 1
    PSEUDO = 2
    UNKNOWN = 255


class Fusion(NamedTuple):
    """A refined label.

    Attributes:
        label: Class ids, 255 where unknown; uint8 ``(X, Y, Z)``.
        source: :class:`Source` of each voxel; same shape.
        known: Class ids, ascending, whose voxels are complete in ``label``, by annotators or teachers.
    """

    label: LabelMap
    source: LabelMap
    known: tuple[int, ...]


def restrict_classes(labels: LabelMap, classes: Collection[int]) -> LabelMap:
    """Return a label map in which all other classes are background; 255 stays.

    Args:
        labels: uint8, any shape.
        classes: Class ids to keep.

    Examples:
        >>> restrict_classes(np.array([0, 1, 2, 14], dtype=np.uint8), {1, 14}).tolist()
        [0, 1, 0, 14]
    """
    table = np.zeros(256, dtype=np.uint8)
    kept = [*map(int, classes), UNKNOWN]
    table[kept] = kept
    return np.asarray(table[labels], dtype=np.uint8)


def fill_background(truth: LabelMap, pseudo: LabelMap) -> LabelMap:
    """Return the truth, and the pseudo label where the truth is background.

    Raises:
        ValueError: If the maps differ in shape or are not uint8.

    Examples:
        >>> truth, pseudo = np.array([0, 1, 0], dtype=np.uint8), np.array([2, 2, 0], dtype=np.uint8)
        >>> fill_background(truth, pseudo).tolist()
        [2, 1, 0]
    """
    if truth.shape != pseudo.shape or truth.dtype != np.uint8 or pseudo.dtype != np.uint8:
        raise ValueError(
            f"truth {truth.dtype} {truth.shape} and pseudo {pseudo.dtype} {pseudo.shape} must be uint8 of one shape"
        )
    return np.where(truth == 0, pseudo, truth)


def provenance(label: LabelMap, truth: LabelMap) -> LabelMap:
    """Return the :class:`Source` of each voxel of a label that was made from a truth.

    A voxel counts as annotated if the truth has its class there.

    Examples:
        >>> label, truth = np.array([0, 1, 2, 255], dtype=np.uint8), np.array([0, 1, 0, 0], dtype=np.uint8)
        >>> provenance(label, truth).tolist()
        [0, 1, 2, 255]
    """
    source = np.full(label.shape, Source.PSEUDO, dtype=np.uint8)
    source[label == truth] = Source.ANNOTATED
    source[label == 0] = Source.BACKGROUND
    source[label == UNKNOWN] = Source.UNKNOWN
    return source


def drop_classes(fusion: Fusion, classes: Collection[int]) -> Fusion:
    """Return the fusion without the pseudo voxels of some classes: they become unknown, and the classes are not known.

    Annotated voxels stay, and so does a class that has no pseudo voxel.

    Args:
        fusion: The refined label.
        classes: Class ids to drop.
    """
    hit = np.isin(fusion.label, list(classes)) & (fusion.source == Source.PSEUDO)
    label, source = fusion.label.copy(), fusion.source.copy()
    label[hit], source[hit] = UNKNOWN, Source.UNKNOWN
    return Fusion(label, source, tuple(value for value in fusion.known if value not in set(classes)))


def check_fusion(
    fusion: Fusion,
    truth: LabelMap,
    annotated: Collection[int],
    protected: Collection[int],
    label_set: LabelSet = FLARE23,
) -> None:
    """Check the invariants of a refinement.

    No annotated voxel of a protected class changes; no protected class that was annotated gains a voxel; label and
    provenance are uint8 on the grid of the truth and agree.

    Args:
        fusion: The refined label.
        truth: The partial truth.
        annotated: Class ids annotated in the case.
        protected: Class ids that the policy leaves to the annotators.
        label_set: The classes.

    Raises:
        ValueError: If one is broken, by a fault of the policy; the message names class and number of voxels.
    """
    label, source, _ = fusion
    for name, volume in (("label", label), ("provenance", source)):
        if volume.shape != truth.shape or volume.dtype != np.uint8:
            raise ValueError(f"refined {name} {volume.dtype} {volume.shape} for a truth uint8 {truth.shape}")
    size = label_set.num_classes + 1  # the last row and column are of unknown voxels
    rows, columns = (np.minimum(volume, size - 1).ravel().astype(np.int64) for volume in (truth, label))
    counts = np.bincount(rows * size + columns, minlength=size * size).reshape(size, size)
    for value in sorted(set(protected)):
        lost = int(counts[value].sum() - counts[value, value])
        gained = int(counts[:, value].sum() - counts[value, value])
        if lost:
            raise ValueError(f"the policy changed {lost} annotated voxels of {label_set.names[value]}")
        if gained and value in set(annotated):
            raise ValueError(f"the policy added {gained} voxels to {label_set.names[value]}, which was annotated")
    if not np.array_equal(source == Source.UNKNOWN, label == UNKNOWN) or not np.array_equal(source == 0, label == 0):
        raise ValueError("provenance and label differ in their unknown or background voxels")


def check_label_sets(parts: Iterable[object], label_set: LabelSet) -> None:
    """Check that parts have the same label set.

    Args:
        parts: Teachers, policies, filters, rules; those without a ``label_set`` work with any.
        label_set: The label set of the refinement.

    Raises:
        ValueError: If a part has another one.
    """
    for part in parts:
        own = getattr(part, "label_set", label_set)
        if own != label_set:
            names = [each.name or "one without a name" for each in (own, label_set)]
            raise ValueError(
                f"{type(part).__name__} has the label set {names[0]}, not {names[1]} as the refinement; give it the "
                'same label_set, in a configuration by "label_set": "@label_set"'
            )

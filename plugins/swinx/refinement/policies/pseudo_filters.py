"""Filters of a pseudo label, before it is merged.

A filter is called as ``filter(pseudo, affine)`` with uint8 ``(X, Y, Z)`` and ``(4, 4)`` (voxel index to RAS+ mm), and
returns a new label map. Sizes are in mm and mm^3, so that they mean the same for every scan.

MONAI has similar transforms, which need scikit-image and differ (MONAI 1.6.1): ``RemoveSmallObjects(by_measure=True)``
takes each class of a label map for one object, whatever its components; ``FillHoles`` has no largest volume, and fills
over the classes inside, such as a tumour in the liver; ``KeepLargestConnectedComponent`` agrees but for ties, and is
slower, since it labels whole volumes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from swinx.geometry import class_boxes, components_of, voxel_volume_mm3
from swinx.labels import FLARE23, LabelSet, name_words
from swinx.refinement.policies.middle_plane import middle_x_mm, x_of_mm

__all__ = [
    *("FillHoles", "LargestComponent", "Laterality", "MinimumComponent"),
    *("PseudoFilter", "filter_changes", "in_one_piece"),
]

LabelMap = NDArray[np.uint8]
Affine = NDArray[np.float64]

_Names = Collection[int | str]

_SEVERAL = frozenset(
    name_words(name)
    for names in (
        "adrenal gland, adrenal glands, kidney, kidneys, lung, lungs, ureter, ureters, hip, hips, femur, femurs",
        "bone, bones, rib, ribs, costal cartilages, vertebra, vertebrae, muscle, muscles",
        "lymph node, lymph nodes, vessel, vessels, artery, arteries, vein, veins, hepatic vessel, hepatic vessels",
    )
    for name in names.split(", ")
)
"""Names without a side that one class has for several organs."""


class PseudoFilter(Protocol):
    """Interface of the filters; see the module."""

    def __call__(self, pseudo: LabelMap, affine: Affine) -> LabelMap: ...


@dataclass(frozen=True)
class MinimumComponent:
    """Filter that removes connected components below a volume.

    Args:
        volume_mm3: Least volume, for all classes, or for single ones by name or by number in label files.
        label_set: The classes.

    Raises:
        LabelSetError: If the set has no such class.
    """

    volume_mm3: float | Mapping[int | str, float] = 50.0
    label_set: LabelSet = field(default=FLARE23, repr=False)

    def __post_init__(self) -> None:
        self._least_mm3()

    def __call__(self, pseudo: LabelMap, affine: Affine) -> LabelMap:
        """Return the label map without small components."""
        kept = pseudo.copy()
        volumes_mm3 = self._least_mm3()
        for value, box in class_boxes(pseudo).items():
            if (least := volumes_mm3.get(value, 0.0)) <= 0:
                continue
            for component in components_of(pseudo, value, affine, box):
                if component.volume_mm3 < least:
                    kept[component.box][component.inside] = 0
        return kept

    def _least_mm3(self) -> dict[int, float]:
        """Return the least volume by class id."""
        if isinstance(self.volume_mm3, Mapping):
            source = "volume_mm3 of MinimumComponent"
            return {self.label_set.id_of(key, source): float(size) for key, size in self.volume_mm3.items()}
        return dict.fromkeys(self.label_set.foreground, float(self.volume_mm3))


@dataclass(frozen=True)
class LargestComponent:
    """Filter that keeps the largest component of organs that are one piece; of two as large, the first in memory.

    Args:
        classes: Names, or numbers in label files; by default all organs but those that come in several pieces, such as
            both kidneys as one class. Tumours may be many.
        label_set: The classes.

    Raises:
        LabelSetError: If the set has no such class.
    """

    classes: _Names | None = None
    label_set: LabelSet = field(default=FLARE23, repr=False)

    def __post_init__(self) -> None:
        self._ids()

    def __call__(self, pseudo: LabelMap, affine: Affine) -> LabelMap:
        """Return the label map with one component of each of these classes."""
        kept, classes = pseudo.copy(), self._ids()
        for value, box in class_boxes(pseudo).items():
            if value not in classes:
                continue
            components = list(components_of(pseudo, value, affine, box))
            largest = max(components, key=lambda component: component.volume_mm3)
            for component in components:
                if component is not largest:
                    kept[component.box][component.inside] = 0
        return kept

    def _ids(self) -> Collection[int]:
        if self.classes is None:
            return in_one_piece(self.label_set)
        return self.label_set.ids_of(self.classes, "classes of LargestComponent")


@dataclass(frozen=True)
class Laterality:
    """Swap or reject components of paired organs that lie on the wrong side of the body.

    :func:`swinx.refinement.policies.middle_plane.middle_x_mm` finds the mid-line. A scan without one is left as it is,
    and so is a component whose centre is within ``margin_mm`` of the plane. Two components on one side, such as a
    transplanted or ectopic kidney, are judged each by itself.

    Args:
        action: ``"swap"`` for the other class of the pair, ``"reject"`` for background.
        margin_mm: Uncertainty of the mid-line.
        pairs: Right and left classes, by name or by number in label files; by default those of the label set.
        label_set: The classes.

    Raises:
        ValueError: If ``action`` is another word, or a pair is none.
        LabelSetError: If the set has no such class.
    """

    action: Literal["swap", "reject"] = "swap"
    margin_mm: float = 10.0
    pairs: Sequence[Sequence[int | str]] | None = None
    label_set: LabelSet = field(default=FLARE23, repr=False)

    def __post_init__(self) -> None:
        if self.action not in ("swap", "reject"):
            raise ValueError(f"action must be 'swap' or 'reject', not {self.action!r}")
        self._pairs()

    def __call__(self, pseudo: LabelMap, affine: Affine) -> LabelMap:
        """Return the label map with paired organs on their sides."""
        boxes, pairs = class_boxes(pseudo), self._pairs()
        kept = pseudo.copy()
        middle = middle_x_mm(pseudo, boxes, affine, self.label_set, pairs)
        if middle is None:
            return kept
        for right, left in pairs:
            for value, partner, side in ((right, left, 1.0), (left, right, -1.0)):
                for component in components_of(pseudo, value, affine, boxes.get(value)) if value in boxes else ():
                    if side * (x_of_mm(component.inside, component.box, affine) - middle) < -self.margin_mm:
                        kept[component.box][component.inside] = partner if self.action == "swap" else 0
        return kept

    def _pairs(self) -> Sequence[tuple[int, int]]:
        if self.pairs is None:
            return self.label_set.pairs
        source, found = "pairs of Laterality", []
        for pair in self.pairs:
            if isinstance(pair, str) or len(pair) != 2:
                raise ValueError(f"pairs has {pair!r}; give the right and the left class")
            found.append((self.label_set.id_of(pair[0], source), self.label_set.id_of(pair[1], source)))
        return found


@dataclass(frozen=True)
class FillHoles:
    """Filter that fills holes that one class encloses.

    Only background is filled: what another class claims, such as a tumour in the liver, is no hole.

    Args:
        volume_mm3: Largest hole to fill.
        classes: Names, or numbers in label files; by default all organs.
        label_set: The classes.

    Raises:
        LabelSetError: If the set has no such class.
    """

    volume_mm3: float = 1000.0
    classes: _Names | None = None
    label_set: LabelSet = field(default=FLARE23, repr=False)

    def __post_init__(self) -> None:
        self._ids()

    def __call__(self, pseudo: LabelMap, affine: Affine) -> LabelMap:
        """Return the label map with small holes filled."""
        filled, classes = pseudo.copy(), self._ids()
        unit = voxel_volume_mm3(affine)
        for value, box in class_boxes(pseudo).items():
            if value not in classes:
                continue
            inside = pseudo[box] == value
            holes, _ = ndimage.label(ndimage.binary_fill_holes(inside) & ~inside)
            sizes = np.bincount(holes.ravel()) * unit
            small = np.flatnonzero((sizes <= self.volume_mm3) & (np.arange(sizes.size) > 0))
            filled[box][np.isin(holes, small) & (pseudo[box] == 0)] = value
        return filled

    def _ids(self) -> Collection[int]:
        if self.classes is None:
            return self.label_set.organs
        return self.label_set.ids_of(self.classes, "classes of FillHoles")


def filter_changes(before: LabelMap, after: LabelMap, affine: Affine) -> dict[int, dict[str, float]]:
    """Return the volumes that a filter removed from each class and added to it.

    Returns:
        By class id, for classes that changed: ``removed_ml`` and ``added_ml``.
    """
    changed = before != after
    unit_ml = voxel_volume_mm3(affine) / 1000
    removed, added = (np.bincount(labels[changed], minlength=256) * unit_ml for labels in (before, after))
    return {
        int(value): {"removed_ml": round(float(removed[value]), 4), "added_ml": round(float(added[value]), 4)}
        for value in np.flatnonzero(removed + added)
        if value
    }


def in_one_piece(label_set: LabelSet) -> tuple[int, ...]:
    """Return the ids of the organs of a label set without those of which a body has several under the same name.

    Examples:
        >>> from swinx.labels import read_label_set
        >>> in_one_piece(read_label_set({"background": 0, "liver": 1, "kidneys": 2, "left lung": 3}))
        (1, 3)
    """
    return tuple(label for label in label_set.organs if name_words(label_set.names[label]) not in _SEVERAL)

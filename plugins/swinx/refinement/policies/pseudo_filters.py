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
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from swinx.geometry import Component, class_boxes, components_of, voxel_volume_mm3
from swinx.labels import LEFT_RIGHT_PAIRS, ORGANS, FlareLabel

__all__ = ["FillHoles", "LargestComponent", "Laterality", "MinimumComponent", "PseudoFilter", "filter_changes"]

LabelMap = NDArray[np.uint8]
Affine = NDArray[np.float64]

_ORGAN_IDS = tuple(int(organ) for organ in ORGANS)


class PseudoFilter(Protocol):
    """Interface of the filters; see the module."""

    def __call__(self, pseudo: LabelMap, affine: Affine) -> LabelMap: ...  # noqa: D102


@dataclass(frozen=True)
class MinimumComponent:
    """Remove connected components below a volume.

    Args:
        volume_mm3: Least volume, for all classes or by class id (a number, or its text, as in JSON).
    """

    volume_mm3: float | Mapping[int | str, float] = 50.0

    def __call__(self, pseudo: LabelMap, affine: Affine) -> LabelMap:
        """Return the label map without small components."""
        kept = pseudo.copy()
        for value, box in class_boxes(pseudo).items():
            if (least := self._least(value)) <= 0:
                continue
            for component in components_of(pseudo, value, affine, box):
                if component.volume_mm3 < least:
                    kept[component.box][component.inside] = 0
        return kept

    def _least(self, value: int) -> float:
        if isinstance(self.volume_mm3, Mapping):
            return float({int(key): size for key, size in self.volume_mm3.items()}.get(value, 0.0))
        return float(self.volume_mm3)


@dataclass(frozen=True)
class LargestComponent:
    """Keep the largest connected component of organs that are one piece; of two as large, the first in memory.

    Args:
        classes: Class ids; by default the 13 organs. Tumours may be many.
    """

    classes: Collection[int] = _ORGAN_IDS

    def __call__(self, pseudo: LabelMap, affine: Affine) -> LabelMap:
        """Return the label map with one component of each of these classes."""
        kept = pseudo.copy()
        for value, box in class_boxes(pseudo).items():
            if value not in self.classes:
                continue
            components = list(components_of(pseudo, value, affine, box))
            largest = max(components, key=lambda component: component.volume_mm3)
            for component in components:
                if component is not largest:
                    kept[component.box][component.inside] = 0
        return kept


@dataclass(frozen=True)
class Laterality:
    """Swap or reject components of paired organs that lie on the wrong side of the body.

    The mid-line is the plane across the left-right axis through the great vessels: halfway between the centres of
    aorta and inferior vena cava, which lie beside each other in front of the spine, or the centre of the one that is
    there. A scan without either is left as it is, and so is a component whose centre is within ``margin_mm`` of the
    plane. Two components on one side, such as a transplanted or ectopic kidney, are judged each by itself.

    Args:
        action: ``"swap"`` for the other class of the pair, ``"reject"`` for background.
        margin_mm: Uncertainty of the mid-line.
        pairs: Right and left class ids.

    Raises:
        ValueError: If ``action`` is another word.
    """

    action: Literal["swap", "reject"] = "swap"
    margin_mm: float = 10.0
    pairs: Sequence[Sequence[int]] = LEFT_RIGHT_PAIRS

    def __post_init__(self) -> None:
        if self.action not in ("swap", "reject"):
            raise ValueError(f"action must be 'swap' or 'reject', not {self.action!r}")

    def __call__(self, pseudo: LabelMap, affine: Affine) -> LabelMap:
        """Return the label map with paired organs on their sides."""
        boxes = class_boxes(pseudo)
        centres = [
            _centre_x_mm(pseudo[boxes[value]] == value, boxes[value], affine)
            for value in (FlareLabel.AORTA, FlareLabel.INFERIOR_VENA_CAVA)
            if value in boxes
        ]
        kept = pseudo.copy()
        if not centres:
            return kept
        middle = float(np.mean(centres))
        for right, left in self.pairs:
            for value, partner, side in ((int(right), int(left), 1.0), (int(left), int(right), -1.0)):
                for component in components_of(pseudo, value, affine, boxes.get(value)) if value in boxes else ():
                    if side * (_x_of(component, affine) - middle) < -self.margin_mm:
                        kept[component.box][component.inside] = partner if self.action == "swap" else 0
        return kept


@dataclass(frozen=True)
class FillHoles:
    """Fill holes that one class encloses.

    Only background is filled: what another class claims, such as a tumour in the liver, is no hole.

    Args:
        volume_mm3: Largest hole to fill.
        classes: Class ids; by default the 13 organs.
    """

    volume_mm3: float = 1000.0
    classes: Collection[int] = _ORGAN_IDS

    def __call__(self, pseudo: LabelMap, affine: Affine) -> LabelMap:
        """Return the label map with small holes filled."""
        filled = pseudo.copy()
        unit = voxel_volume_mm3(affine)
        for value, box in class_boxes(pseudo).items():
            if value not in self.classes:
                continue
            inside = pseudo[box] == value
            holes, _ = ndimage.label(ndimage.binary_fill_holes(inside) & ~inside)
            sizes = np.bincount(holes.ravel()) * unit
            small = np.flatnonzero((sizes <= self.volume_mm3) & (np.arange(sizes.size) > 0))
            filled[box][np.isin(holes, small) & (pseudo[box] == 0)] = value
        return filled


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


def _centre_x_mm(inside: NDArray[np.bool_], box: tuple[slice, ...], affine: Affine) -> float:
    centre = np.array(ndimage.center_of_mass(inside)) + [side.start for side in box]
    return float(affine[0, :3] @ centre + affine[0, 3])


def _x_of(component: Component, affine: Affine) -> float:
    return _centre_x_mm(component.inside, component.box, affine)

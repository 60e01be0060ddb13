"""Plausibility of a label map: the volumes of its classes, and the sides on which they lie."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from swinx.geometry import class_boxes, voxel_volume_mm3
from swinx.labels import LabelSet, PlausibleVolumes
from swinx.rules import LabelRules
from swinx.visible_text import first_of

__all__ = ["LabelFacts", "exchanged_sides", "implausible", "label_facts", "sides_text", "volumes_text"]

_SHOWN = 5


@dataclass(frozen=True)
class LabelFacts:
    """Measures of the classes that occur in a label map.

    Attributes:
        volumes_ml: Class id to volume in ml.
        at_border: Classes with a voxel in the outermost layer.
        centres_mm: Class id to its centre ``(x, y, z)`` in RAS mm.
    """

    volumes_ml: Mapping[int, float]
    at_border: frozenset[int]
    centres_mm: Mapping[int, tuple[float, float, float]]

    def renamed(self, ids: Mapping[int, int]) -> LabelFacts:
        """Return the facts under other ids; classes without one are left out."""
        return LabelFacts(
            {ids[label]: volume for label, volume in self.volumes_ml.items() if label in ids},
            frozenset(ids[label] for label in self.at_border if label in ids),
            {ids[label]: place for label, place in self.centres_mm.items() if label in ids},
        )


def label_facts(labels: NDArray[np.uint8], affine: ArrayLike) -> LabelFacts:
    """Measure the classes of a label map, 255 left out.

    Args:
        labels: Class ids ``(X, Y, Z)``.
        affine: Voxel indices to RAS millimetres, ``(4, 4)``.
    """
    to_mm = np.asarray(affine, dtype=np.float64)
    unit = voxel_volume_mm3(affine) / 1000
    volumes, border, places = {}, set(), {}
    for label, box in class_boxes(labels).items():
        inside = labels[box] == label
        count = np.count_nonzero(inside)
        volumes[label] = float(count * unit)
        if any(part.start == 0 or part.stop == side for part, side in zip(box, labels.shape, strict=True)):
            border.add(label)
        centre = to_mm[:3, 3].copy()
        for axis, part in enumerate(box):
            others = tuple(other for other in range(labels.ndim) if other != axis)
            along = inside.sum(axis=others)
            centre += to_mm[:3, axis] * float(along @ np.arange(part.start, part.stop)) / count
        x, y, z = centre.tolist()
        places[label] = (x, y, z)
    return LabelFacts(volumes, frozenset(border), places)


def implausible(facts: LabelFacts, label_set: LabelSet) -> dict[int, float]:
    """Return the classes whose volume in ml does not fit their name; the least one holds only within the scan."""
    ranges = PlausibleVolumes(label_set.volumes_ml)
    return ranges.outside(facts.volumes_ml, facts.at_border, facts.volumes_ml)


def exchanged_sides(facts: LabelFacts, label_set: LabelSet) -> list[tuple[int, int]]:
    """Return the partners of right and left of which the right one lies to the patient's left of the other."""
    return [
        (right, left)
        for right, left in label_set.pairs
        if label_set[right].side == "right"
        and {right, left} <= facts.centres_mm.keys()
        and facts.centres_mm[right][0] < facts.centres_mm[left][0]
    ]


def volumes_text(found: Mapping[int, float], label_set: LabelSet) -> str:
    """Return a message on implausible volumes."""
    parts = []
    for label, volume in found.items():
        low, high = label_set.volumes_ml[label]
        limit, relation = (high, "more") if volume > high else (low, "less")
        told = {"number": label_set[label].value, "name": label_set[label].name}
        parts.append(LabelRules.VOLUME.says(**told, volume=_amount(volume), relation=relation, limit=_amount(limit)))
    return LabelRules.OTHER_NUMBERING.says(found=first_of(parts, _SHOWN, "; "))


def sides_text(pairs: Collection[tuple[int, int]], label_set: LabelSet) -> str:
    """Return which partners are on exchanged sides, as a message."""
    names = [f"{label_set.names[right]}, {label_set.names[left]}" for right, left in pairs]
    return LabelRules.SIDES.says(pairs=first_of(names, _SHOWN, "; "))


def _amount(volume_ml: float) -> str:
    return f"{volume_ml:.3g} ml" if volume_ml < 1000 else f"{volume_ml / 1000:.3g} litres"

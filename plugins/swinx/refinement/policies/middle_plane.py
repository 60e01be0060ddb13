"""The plane between the left and the right of a patient, found from a label map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from swinx.labels import LabelSet

__all__ = ["middle_x_mm", "x_of_mm"]

_VESSELS = ("aorta", "inferior vena cava")

_LEAST_RATIO = 1 / 3
"""Least volume of one partner in units of the other; a smaller one is more likely a false part of the other side."""

_Box = tuple[slice, ...]


def middle_x_mm(
    labels: NDArray[np.uint8],
    boxes: Mapping[int, _Box],
    affine: NDArray[np.float64],
    label_set: LabelSet,
    pairs: Sequence[tuple[int, int]],
) -> float | None:
    """Return the place of the mid-line on the left-right axis, in mm; None if nothing tells it.

    In a label set with the great vessels it is halfway between the centres of aorta and inferior vena cava, which lie
    beside each other in front of the spine, or the centre of the one that is there.

    In another label set it is halfway between the centres of paired organs, on the average of the pairs of which both
    partners are there with comparable volumes. That holds for partners that are exchanged as well, but not for a scan
    in which both lie on one side.

    Args:
        labels: Label map, ``(X, Y, Z)``.
        boxes: Bounding box of each class that occurs.
        affine: ``(4, 4)``, voxel index to RAS+ mm.
        label_set: The classes.
        pairs: Right and left class ids.
    """
    vessels = [label for name in _VESSELS if (label := label_set.find(name)) is not None]

    def inside(label: int) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = labels[boxes[label]] == label
        return found

    def centre_of(label: int) -> float:
        return x_of_mm(inside(label), boxes[label], affine)

    if vessels:
        centres = [centre_of(label) for label in vessels if label in boxes]
    else:
        centres = []
        for pair in pairs:
            if all(label in boxes for label in pair):
                sizes = sorted(int(np.count_nonzero(inside(label))) for label in pair)
                if sizes[0] >= _LEAST_RATIO * sizes[1]:
                    centres.append(float(np.mean([centre_of(label) for label in pair])))
    return float(np.mean(centres)) if centres else None


def x_of_mm(inside: NDArray[np.bool_], box: _Box, affine: NDArray[np.float64]) -> float:
    """Return where the centre of some voxels lies on the left-right axis, in mm.

    Args:
        inside: The voxels within ``box``.
        box: Where that lies in the whole volume.
        affine: ``(4, 4)``, voxel index to mm.
    """
    centre = np.array(ndimage.center_of_mass(inside)) + [side.start for side in box]
    return float(affine[0, :3] @ centre + affine[0, 3])

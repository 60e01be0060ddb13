"""Connected components of one class of a label map, measured in mm^3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

__all__ = ["Component", "class_boxes", "components_of", "voxel_volume_mm3"]

_NEIGHBOURS_26 = np.ones((3, 3, 3), dtype=bool)


class Component(NamedTuple):
    """Voxels that touch each other, corners included.

    Attributes:
        box: Where it lies in the whole volume.
        inside: Its voxels within the box, bool.
        volume_mm3: Its volume.
    """

    box: tuple[slice, ...]
    inside: NDArray[np.bool_]
    volume_mm3: float


def voxel_volume_mm3(affine: ArrayLike) -> float:
    """Return the volume of a voxel in mm^3, for any direction of its axes.

    Examples:
        >>> round(voxel_volume_mm3(np.diag([-2.0, 1.0, 3.0, 1.0])), 6)
        6.0
    """
    return float(abs(np.linalg.det(np.asarray(affine, dtype=np.float64)[:3, :3])))


def class_boxes(labels: NDArray[np.uint8]) -> dict[int, tuple[slice, ...]]:
    """Return the bounding box of every class that occurs, without background and 255.

    Args:
        labels: ``(X, Y, Z)``.
    """
    found = ndimage.find_objects(labels, max_label=254)
    return {value: box for value, box in enumerate(found, start=1) if box is not None}


def components_of(
    labels: NDArray[np.uint8], value: int, affine: ArrayLike, box: tuple[slice, ...] | None = None
) -> Iterator[Component]:
    """Yield the connected components of a class, in the order of their first voxels in memory.

    Args:
        labels: ``(X, Y, Z)``.
        value: The class.
        affine: ``(4, 4)``, voxel index to mm.
        box: Its bounding box if it is known; otherwise it is looked for.
    """
    place = class_boxes(labels).get(value) if box is None else box
    if place is None:
        return
    parts, _ = ndimage.label(labels[place] == value, structure=_NEIGHBOURS_26)
    unit = voxel_volume_mm3(affine)
    for number, inner in enumerate(ndimage.find_objects(parts), start=1):
        inside = parts[inner] == number
        outer = tuple(
            slice(whole.start + part.start, whole.start + part.stop) for whole, part in zip(place, inner, strict=True)
        )
        yield Component(outer, inside, float(inside.sum()) * unit)

"""Contours of a structure set as masks on the slices of their series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from swinx.data.dicom.structure_set import Region
from swinx.rules import StructureSetRules as Rule

__all__ = ["fill_contours", "region_mask"]

_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
_FLAT = 0.2
"""Slices across which the points of one contour may spread: coordinates are rounded."""

_NEAR = 0.25
"""Slices by which a contour may lie off the middle of one."""

_NUDGE = np.array([1e-6, 6e-7])
"""Pixels by which centres are moved, so that one on the border of two regions is in just one of them."""


def region_mask(
    region: Region, affine: NDArray[np.float64], shape: Sequence[int]
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Return the voxels whose centres lie inside a region, and what a user should know of it.

    Args:
        region: The region, with contours in planes of the last axis.
        affine: Voxel to RAS of the series, ``(4, 4)``, mm.
        shape: Columns, rows, slices.

    Raises:
        ValueError: If a contour does not lie in a slice.
    """
    mask = np.zeros(tuple(shape), dtype=bool, order="F")
    to_voxels = np.linalg.inv(affine)
    drawn = set()
    for contour in region.contours:
        points = (contour * _LPS_TO_RAS) @ to_voxels[:3, :3].T + to_voxels[:3, 3]
        heights = points[:, 2]
        if (spread := float(np.ptp(heights))) > _FLAT:
            raise ValueError(Rule.TILTED.says(name=region.name, slices=spread))
        place = float(heights.mean())
        index = round(place)
        if abs(place - index) > _NEAR or not 0 <= index < shape[2]:
            raise ValueError(Rule.BETWEEN.says(name=region.name, place=place, count=shape[2]))
        fill_contours(mask[..., index], points[:, :2])
        drawn.add(index)
    notes = []
    if region.left_out:
        notes.append(Rule.NO_AREA.says(count=region.left_out, name=region.name))
    if drawn and (gaps := max(drawn) - min(drawn) + 1 - len(drawn)):
        notes.append(Rule.GAPS.says(count=gaps, name=region.name))
    return mask, tuple(notes)


def fill_contours(plane: NDArray[np.bool_], points: NDArray[np.float64]) -> None:
    """Turn over the pixels of a plane whose centres lie inside a polygon: drawn twice, it is a hole.

    Args:
        plane: Pixels of a slice, changed in place.
        points: Corners ``(N, 2)`` in pixels; the centre of the first pixel is at (0, 0).
    """
    from matplotlib.path import Path as Polygon

    low = np.clip(np.ceil(points.min(axis=0)), 0, plane.shape).astype(int)
    high = np.clip(np.floor(points.max(axis=0)), -1, np.array(plane.shape) - 1).astype(int)
    if (high < low).any():
        return
    part = plane[low[0] : high[0] + 1, low[1] : high[1] + 1]
    centres = np.indices(part.shape).reshape(2, -1).T + low + _NUDGE
    part ^= Polygon(points).contains_points(centres).reshape(part.shape)

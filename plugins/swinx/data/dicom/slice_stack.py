"""Stacking of slices by their patient positions: order, faults and grid.

Positions and direction cosines are DICOM's, in LPS millimetres: x to the left, y to the back, z to the head.
Source: DICOM PS3.3, C.7.6.2.1.1, equation C.7.6.2.1-1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from swinx.geometry import SHEAR_TOLERANCE_DEGREES
from swinx.rules import GeometryRules, SliceRules

__all__ = ["find_slice_faults", "slice_order", "stack_affine"]

_GAP_TOLERANCE = 0.1
"""Part of the usual slice distance by which one distance may differ; headers round to 0.01 mm or so."""

_COSINE_TOLERANCE = 1e-3

_SAME_PLACE_MM = 1e-3

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def slice_order(positions: NDArray[np.float64], orientations: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the indices that sort slices along their normal; the order of slices at one position is kept.

    Args:
        positions: Patient position of the first voxel of each slice in mm, ``(N, 3)``.
        orientations: Direction cosines of the row and the column axis of each slice, ``(N, 6)``.

    Examples:
        >>> feet_first = np.tile([1.0, 0, 0, 0, -1, 0], (3, 1))
        >>> slice_order(np.array([[0, 0, 5.0], [0, 0, 0], [0, 0, 2.5]]), feet_first).tolist()
        [0, 2, 1]
    """
    return np.argsort(positions @ _normal(orientations), kind="stable")


def find_slice_faults(positions: NDArray[np.float64], orientations: NDArray[np.float64]) -> list[str]:
    """Return the reasons why slices do not stack into a volume of even spacing; an empty list if they do.

    Args:
        positions: Patient position of the first voxel of each slice in mm, in stack order, ``(N, 3)``.
        orientations: Direction cosines of the row and the column axis of each slice, ``(N, 6)``.

    Examples:
        >>> axial = np.tile([1.0, 0, 0, 0, 1, 0], (4, 1))
        >>> find_slice_faults(np.array([[0, 0, 0], [0, 0, 2], [0, 0, 6], [0, 0, 8]]), axial)
        ['slices are not evenly spaced: 2 mm as a rule, but 4 mm after slice 2; 1 of 3 gaps differ (missing slices?)']
    """
    if not np.allclose(orientations, orientations[0], atol=_COSINE_TOLERANCE):
        return [SliceRules.NOT_PARALLEL.says()]
    axes = orientations[0].reshape(2, 3)
    if not np.allclose(axes @ axes.T, np.eye(2), atol=_COSINE_TOLERANCE):
        return [SliceRules.COSINES.says(cosines=orientations[0].tolist())]
    normal = _normal(orientations)
    gaps = np.abs(np.diff(positions, axis=0) @ normal)
    if (doubles := int((gaps < _SAME_PLACE_MM).sum())) > 0:
        return [SliceRules.SEVERAL_PHASES.says(doubles=doubles, count=len(positions))]
    usual = float(np.median(gaps))
    uneven = np.flatnonzero(np.abs(gaps - usual) > _GAP_TOLERANCE * usual)
    if uneven.size:
        first = int(uneven[0])
        return [
            SliceRules.UNEVEN.says(usual=usual, gap=gaps[first], number=first + 1, uneven=uneven.size, gaps=gaps.size)
        ]
    whole = positions[-1] - positions[0]
    along = float(whole @ normal)
    sideways = float(np.linalg.norm(whole - along * normal))
    degrees = float(np.degrees(np.arctan2(sideways, abs(along))))
    return [GeometryRules.SHEAR.says(degrees=degrees)] if degrees > SHEAR_TOLERANCE_DEGREES else []


def stack_affine(
    positions: NDArray[np.float64], orientations: NDArray[np.float64], pixel_spacing_mm: Sequence[float]
) -> NDArray[np.float64]:
    """Return the voxel-to-RAS affine of slices in which :func:`find_slice_faults` found nothing.

    Args:
        positions: Patient position of the first voxel of each slice in mm, in stack order, ``(N, 3)``, N > 1.
        orientations: Direction cosines of the row and the column axis of each slice, ``(N, 6)``.
        pixel_spacing_mm: DICOM's Pixel Spacing: distance between rows, then between columns.

    Returns:
        Matrix ``(4, 4)`` for voxel indices (column, row, slice).

    Examples:
        >>> axial = np.tile([1.0, 0, 0, 0, 1, 0], (2, 1))
        >>> stack_affine(np.array([[10.0, 20, 30], [10, 20, 35]]), axial, (0.9, 0.8)).tolist()[:2]
        [[-0.8, 0.0, 0.0, -10.0], [0.0, -0.9, 0.0, -20.0]]
    """
    rows_mm, columns_mm = pixel_spacing_mm
    affine = np.eye(4)
    affine[:3, 0] = orientations[0, :3] * columns_mm
    affine[:3, 1] = orientations[0, 3:] * rows_mm
    affine[:3, 2] = (positions[-1] - positions[0]) / (len(positions) - 1)
    affine[:3, 3] = positions[0]
    return np.asarray(_LPS_TO_RAS @ affine + 0.0)


def _normal(orientations: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.cross(orientations[0, :3], orientations[0, 3:]))

"""Checks that a voxel grid can be that of a patient's CT: rectangular, and of the size of a body."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from swinx.geometry.grids import axial_axis, check_affine, voxel_sizes_mm
from swinx.rules import GeometryRules

__all__ = ["LARGEST_MM", "SHEAR_TOLERANCE_DEGREES", "SMALLEST_MM", "WIDEST_MM", "find_grid_faults", "find_grid_notes"]

SHEAR_TOLERANCE_DEGREES = 0.6
"""Angle between an axis and the normal of the other two that is rounding; more is a tilted gantry."""

LARGEST_MM = 2500.0
"""No axis of a CT is longer: a person from head to foot, with table."""

SMALLEST_MM = 10.0
"""No axis of a CT is shorter."""

WIDEST_MM = 1200.0
"""No gantry is wider; more across the body is unusual."""


def find_grid_faults(affine: ArrayLike, shape: Sequence[int], of_scan: bool = True) -> list[str]:
    """Return the reasons why no CT has this grid; an empty list if one may have it.

    Args:
        affine: Voxel-to-world matrix in mm, ``(4, 4)``.
        shape: Spatial shape ``(X, Y, Z)``.
        of_scan: False for a label map, which may be cropped to something small.

    Returns:
        The faults of :func:`swinx.geometry.check_affine`, or else: sheared axes, an axis shorter than
        :data:`SMALLEST_MM` or longer than :data:`LARGEST_MM`.

    Examples:
        >>> find_grid_faults(np.diag([8.0, 8.0, 50.0, 1.0]), (512, 512, 40))
        ['the volume measures 4096 x 4096 x 2000 mm, outside 10..2500 mm along an axis; is the spacing in mm?']
    """
    if faults := check_affine(affine, shape):
        return faults
    faults = []
    if (degrees := shear_degrees(affine)) > SHEAR_TOLERANCE_DEGREES:
        faults.append(GeometryRules.SHEAR.says(degrees=degrees))
    extent = _extent_mm(affine, shape)
    if (of_scan and extent.min() < SMALLEST_MM) or extent.max() > LARGEST_MM:
        faults.append(GeometryRules.EXTENT.says(extent=_by(extent), smallest=SMALLEST_MM, largest=LARGEST_MM))
    return faults


def find_grid_notes(affine: ArrayLike, shape: Sequence[int]) -> list[str]:
    """Return notes on an unusual grid in which :func:`find_grid_faults` found no fault.

    Examples:
        >>> find_grid_notes(np.diag([3.0, 3.0, 5.0, 1.0]), (512, 512, 40))
        ['the volume measures 1536 x 1536 x 200 mm, more than 1200 mm across the body; is the spacing right?']
    """
    extent = _extent_mm(affine, shape)
    across = np.delete(extent, axial_axis(affine))
    return [GeometryRules.WIDE.says(extent=_by(extent), widest=WIDEST_MM)] if across.max() > WIDEST_MM else []


def shear_degrees(affine: ArrayLike) -> float:
    """Return the largest deviation from a right angle between two axes of a grid, in degrees.

    Args:
        affine: Voxel-to-world matrix, ``(4, 4)``, whose first three columns are not zero.
    """
    matrix = np.asarray(affine, dtype=np.float64)
    axes = matrix[:3, :3] / voxel_sizes_mm(matrix)
    products = np.abs((axes.T @ axes)[np.triu_indices(3, 1)])
    return float(np.degrees(np.arcsin(min(products.max(), 1.0))))


def _extent_mm(affine: ArrayLike, shape: Sequence[int]) -> NDArray[np.float64]:
    return voxel_sizes_mm(affine) * np.asarray(shape, dtype=np.float64)


def _by(extent: NDArray[np.float64]) -> str:
    return " x ".join(f"{side:.4g}" for side in extent)

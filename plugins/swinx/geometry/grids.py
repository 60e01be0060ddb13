"""Geometry of voxel grids: spacing, validity and agreement of 4x4 affines.

A grid is an affine that takes voxel indices ``(i, j, k)`` to patient millimetres in RAS
(x to the right, y to the front, z to the head) together with a shape.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from nibabel.orientations import io_orientation
from numpy.typing import ArrayLike, NDArray

from swinx.rules import GridRules

__all__ = [
    "GRID_TOLERANCE_VOXELS",
    "MAX_SPACING_MM",
    "MIN_SPACING_MM",
    "axial_axis",
    "check_affine",
    "check_spacing",
    "compare_grids",
    "grid_difference_mm",
    "voxel_sizes_mm",
]

MIN_SPACING_MM = 0.05
"""Voxels of a body CT are never finer; a smaller number is metres taken for millimetres, or a broken header."""

MAX_SPACING_MM = 50.0
"""Voxels of a body CT are never coarser."""

GRID_TOLERANCE_VOXELS = 0.25
"""Two grids count as one if no corner differs by more than this part of the smallest voxel side.

Below half a voxel the nearest voxel of the one grid is the same voxel of the other; a quarter leaves a margin.
"""

_ROUNDING_VOXELS = 1e-3
"""Differences that come from storing an affine in single precision, not worth a note."""

_MIN_RELATIVE_VOLUME = 1e-3
"""Unit column vectors that span less than this are as good as in one plane (angles below 0.06 degrees)."""


def voxel_sizes_mm(affine: ArrayLike) -> NDArray[np.float64]:
    """Return the three voxel sides in mm, in array-axis order.

    Args:
        affine: Voxel-to-world matrix, shape ``(4, 4)``, in mm.

    Returns:
        Lengths of the first three columns, shape ``(3,)``; whatever the orientation they are not negative.

    Raises:
        ValueError: If ``affine`` is not 4x4.

    Examples:
        >>> voxel_sizes_mm(np.diag([-0.7, 0.7, 5.0, 1.0])).tolist()
        [0.7, 0.7, 5.0]
    """
    return np.asarray(np.linalg.norm(_as_affine(affine)[:3, :3], axis=0), dtype=np.float64)


def check_spacing(sizes_mm: ArrayLike) -> list[str]:
    """Return the faults of three voxel sides in mm; an empty list if there are none.

    Examples:
        >>> check_spacing([0.7, 0.7, 5.0])
        []
        >>> check_spacing([0.7, 0.0, 5.0])
        ['spacing 0.7 x 0 x 5 mm: 0 is not a voxel size']
    """
    sizes = np.asarray(sizes_mm, dtype=np.float64)
    written = " x ".join(f"{size:g}" for size in sizes)
    faults = []
    for size in dict.fromkeys(sizes.tolist()):  # the sides often share one fault: say it once
        if not np.isfinite(size) or size <= 0:
            faults.append(GridRules.NO_SIZE.says(spacing=written, size=size))
        elif not MIN_SPACING_MM <= size <= MAX_SPACING_MM:
            faults.append(
                GridRules.SPACING.says(spacing=written, size=size, smallest=MIN_SPACING_MM, largest=MAX_SPACING_MM)
            )
    return faults


def check_affine(affine: ArrayLike, shape: Sequence[int]) -> list[str]:
    """Return the faults that make a grid unusable; an empty list if there are none.

    Args:
        affine: Voxel-to-world matrix in mm.
        shape: Spatial shape ``(X, Y, Z)`` of the array.

    Returns:
        One sentence per fault: not 4x4, not finite, spacing of zero or outside
        ``MIN_SPACING_MM..MAX_SPACING_MM``, axes in one plane, or not three spatial axes.

    Examples:
        >>> check_affine(np.diag([1.0, 1.0, 2.0, 1.0]), (4, 4, 4))
        []
    """
    matrix = np.asarray(affine, dtype=np.float64)
    if matrix.shape != (4, 4):
        return [GridRules.AFFINE_SHAPE.says(shape=matrix.shape)]
    if not np.isfinite(matrix).all():
        return [GridRules.AFFINE_VALUES.says(count=int((~np.isfinite(matrix)).sum()))]
    faults = [] if len(shape) == 3 else [GridRules.AXES.says(count=len(shape))]
    if not np.allclose(matrix[3], [0, 0, 0, 1]):
        faults.append(GridRules.LAST_ROW.says(row=matrix[3].tolist()))
    sizes = voxel_sizes_mm(matrix)
    spacing_faults = check_spacing(sizes)
    if not (sizes > 0).all():
        return [*faults, *spacing_faults, GridRules.SINGULAR.says()]
    if abs(np.linalg.det(matrix[:3, :3] / sizes)) < _MIN_RELATIVE_VOLUME:
        spacing_faults.append(GridRules.ONE_PLANE.says())
    return faults + spacing_faults


def grid_difference_mm(
    affine_a: ArrayLike, shape_a: Sequence[int], affine_b: ArrayLike, shape_b: Sequence[int]
) -> float:
    """Return the largest distance in mm between corner voxels of two grids of one shape.

    Because a grid is affine, no voxel differs by more than the worst corner does.

    Returns:
        The distance between the two world positions of that corner; infinite if the shapes
        differ or an affine is not finite.
    """
    matrix_a, matrix_b = _as_affine(affine_a), _as_affine(affine_b)
    if tuple(shape_a) != tuple(shape_b) or not (np.isfinite(matrix_a).all() and np.isfinite(matrix_b).all()):
        return float("inf")
    corners = np.array(list(itertools.product(*[(0, side - 1) for side in shape_a])), dtype=np.float64)
    difference = matrix_a - matrix_b
    return float(np.linalg.norm(corners @ difference[:3, :3].T + difference[:3, 3], axis=1).max())


def compare_grids(
    affine_a: ArrayLike, shape_a: Sequence[int], affine_b: ArrayLike, shape_b: Sequence[int]
) -> tuple[list[str], list[str]]:
    """Compare the grids of an image (``a``) and its label (``b``).

    Returns:
        Faults and notes. Different shapes, or corners further apart than ``GRID_TOLERANCE_VOXELS``
        of the smallest voxel side, are a fault; less, down to rounding, is a note.
    """
    if tuple(shape_a) != tuple(shape_b):
        return [GridRules.OTHER_SHAPE.says(image=_by(shape_a), label=_by(shape_b))], []
    smallest_mm = float(min(voxel_sizes_mm(affine_a).min(), voxel_sizes_mm(affine_b).min()))
    difference_mm = grid_difference_mm(affine_a, shape_a, affine_b, shape_b)
    if not difference_mm <= GRID_TOLERANCE_VOXELS * smallest_mm:
        return [GridRules.APART.says(difference=difference_mm, smallest=smallest_mm)], []
    if difference_mm > _ROUNDING_VOXELS * smallest_mm:
        return [], [GridRules.NEARLY.says(difference=difference_mm)]
    return [], []


def axial_axis(affine: ArrayLike) -> int:
    """Return the array axis that runs closest to the patient's feet-head direction.

    Every axis is given to one world direction, as in nibabel's orientation codes, so that a strongly
    tilted scan still has exactly one axial axis.

    Raises:
        ValueError: If ``affine`` is not 4x4 or is singular.

    Examples:
        >>> axial_axis(np.array([[0, 0, 1, 0], [2, 0, 0, 0], [0, -3, 0, 0], [0, 0, 0, 1]]))
        1
    """
    matrix = _as_affine(affine)
    if faults := [fault for fault in check_affine(matrix, (1, 1, 1)) if "singular" in fault or "NaN" in fault]:
        raise ValueError(f"no axial axis: {faults[0]}")
    world_axes = io_orientation(matrix)[:, 0]  # this part of nibabel has no types
    return [int(world) for world in world_axes].index(2)


def _as_affine(affine: ArrayLike) -> NDArray[np.float64]:
    matrix = np.asarray(affine, dtype=np.float64)
    if matrix.shape != (4, 4):
        raise ValueError(GridRules.AFFINE_SHAPE.says(shape=matrix.shape))
    return matrix


def _by(shape: Sequence[int]) -> str:
    return " x ".join(str(int(side)) for side in shape)

"""The voxel grid on which the network works: closest to RAS, at a given spacing, cropped to the body."""

from __future__ import annotations

from collections.abc import Sequence

import nibabel as nib
import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["canonical_grid", "crop_to_box"]


def canonical_grid(
    affine: ArrayLike, shape: Sequence[int], spacing_mm: Sequence[float]
) -> tuple[NDArray[np.float64], tuple[int, int, int]]:
    """Return the grid closest to RAS that covers a scan at the given spacing.

    The scan's own directions are kept (an oblique scan stays oblique, it is not rotated);
    axes are only reordered, reversed and rescaled. The centre of the first voxel stays
    where it is, as in MONAI's ``Spacing``.

    Args:
        affine: Voxel to RAS world matrix of the scan, ``(4, 4)``, mm.
        shape: Shape of the scan, ``(X, Y, Z)``.
        spacing_mm: Wanted voxel size along the right, anterior and superior axes.

    Returns:
        The grid's voxel to RAS world matrix and its shape.

    Raises:
        ValueError: If a spacing is not positive.

    Examples:
        >>> affine, shape = canonical_grid(np.diag([-0.5, 0.5, 2.0, 1.0]), (10, 10, 4), (1.0, 1.0, 1.0))
        >>> shape, affine[0, 3].item()
        ((6, 6, 7), -4.5)
    """
    if min(spacing_mm) <= 0:
        raise ValueError(f"spacing must be positive, not {tuple(spacing_mm)} mm")
    matrix = np.asarray(affine, dtype=np.float64)
    orientation = nib.io_orientation(matrix)
    to_source = nib.orientations.inv_ornt_aff(orientation, tuple(shape))
    canonical = matrix @ to_source
    source_of = np.argsort(orientation[:, 0])
    lengths = np.asarray(shape, dtype=np.float64)[source_of]
    size = np.linalg.norm(canonical[:3, :3], axis=0)
    wanted = np.asarray(spacing_mm, dtype=np.float64)
    result = canonical.copy()
    result[:3, :3] *= wanted / size
    x, y, z = np.floor((lengths - 1) * size / wanted + 0.5).astype(int) + 1
    return result, (int(x), int(y), int(z))


def crop_to_box(
    affine: ArrayLike, box_mm: ArrayLike, shape: Sequence[int]
) -> tuple[NDArray[np.float64], tuple[int, int, int]]:
    """Crop a grid to a box that is given in millimetres along the grid's own axes.

    Args:
        affine: Voxel to world matrix of the grid, ``(4, 4)``, mm.
        box_mm: First and last corner, ``(2, 3)``, in mm from the centre of voxel 0 along each axis.
        shape: Shape of the grid.

    Returns:
        Matrix and shape of the smallest part of the grid that covers the box, at least one voxel.
    """
    matrix = np.asarray(affine, dtype=np.float64)
    size = np.linalg.norm(matrix[:3, :3], axis=0)
    low, high = np.asarray(box_mm, dtype=np.float64) / size
    last = np.asarray(shape) - 1
    start = np.clip(np.floor(low), 0, last)
    stop = np.clip(np.ceil(high), start, last) + 1
    result = matrix.copy()
    result[:3, 3] += matrix[:3, :3] @ start
    x, y, z = (stop - start).astype(int)
    return result, (int(x), int(y), int(z))

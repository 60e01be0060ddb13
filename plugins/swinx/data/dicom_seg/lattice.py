"""Label maps on one set of voxel positions in different axis orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from numpy.typing import ArrayLike, NDArray

from swinx.geometry import check_affine, compare_grids

__all__ = ["onto_lattice"]


def onto_lattice(
    labels: NDArray[Any], affine: ArrayLike, target_affine: ArrayLike, target_shape: Sequence[int]
) -> NDArray[Any]:
    """Return a label map in the axis order of another grid with the same voxel positions.

    Converters store one scan with mirrored or exchanged axes. Nothing is resampled.

    Args:
        labels: Label map ``(X, Y, Z)``.
        affine: Its voxel-to-world matrix in mm, ``(4, 4)``.
        target_affine: Voxel-to-world matrix of the other grid in mm.
        target_shape: Shape of the other grid.

    Returns:
        A view of ``labels`` with the shape of the other grid.

    Raises:
        ValueError: If the two are not the same voxels, to :data:`swinx.geometry.GRID_TOLERANCE_VOXELS`.

    Examples:
        >>> mirrored = np.array([[-1.0, 0, 0, 2], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        >>> onto_lattice(np.arange(3).reshape(3, 1, 1), mirrored, np.eye(4), (3, 1, 1)).ravel().tolist()
        [2, 1, 0]
    """
    own, target = np.asarray(affine, dtype=np.float64), np.asarray(target_affine, dtype=np.float64)
    for matrix, shape in ((own, labels.shape), (target, target_shape)):
        if faults := check_affine(matrix, shape):
            raise ValueError("; ".join(faults))
    order = io_orientation(np.linalg.inv(target) @ own)
    turned: NDArray[Any] = apply_orientation(labels, order)
    faults, _ = compare_grids(target, target_shape, own @ inv_ornt_aff(order, labels.shape), turned.shape)
    if faults:
        raise ValueError("; ".join(faults))
    return turned

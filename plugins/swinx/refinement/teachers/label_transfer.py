"""Transfer of label maps from one voxel grid to another in patient coordinates."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import affine_transform
from torch import Tensor

from swinx.geometry import restore_nearest

__all__ = ["overhang_voxels", "transfer_labels"]


def overhang_voxels(
    source_affine: ArrayLike, source_shape: Sequence[int], target_affine: ArrayLike, target_shape: Sequence[int]
) -> float:
    """Return the overhang of a target grid over a source grid, in voxels of the source.

    A voxel counts by its centre; the source ends at the outer faces of its outermost voxels. Because both grids are
    boxes, the corner of the target that lies farthest out decides.

    Args:
        source_affine: Voxel to world matrix of the grid that is read, ``(4, 4)``, mm.
        source_shape: Its shape ``(X, Y, Z)``.
        target_affine: Voxel to world matrix of the grid to be filled, ``(4, 4)``, mm.
        target_shape: Its shape.

    Returns:
        The overhang along the source axis where it is largest; 0 if every target voxel lies in a source voxel.

    Examples:
        >>> overhang_voxels(np.eye(4), (10, 10, 10), np.eye(4), (10, 10, 14))
        3.5
    """
    to_source = _to_source(source_affine, target_affine)
    corners = np.array(list(itertools.product(*[(0, side - 1) for side in target_shape])), dtype=np.float64)
    reached = corners @ to_source[:3, :3].T + to_source[:3, 3]
    below = -0.5 - reached
    above = reached - (np.asarray(source_shape, dtype=np.float64) - 0.5)
    return float(max(0.0, below.max(), above.max()))


def transfer_labels(
    labels: Tensor, source_affine: ArrayLike, target_affine: ArrayLike, target_shape: Sequence[int]
) -> Tensor:
    """Give each voxel of a target grid the label of the source voxel that it lies in.

    Args:
        labels: Label map, ``(X, Y, Z)``, any integer dtype, on the CPU.
        source_affine: Voxel to world matrix of ``labels``, ``(4, 4)``, mm.
        target_affine: Voxel to world matrix of the result, ``(4, 4)``, mm; it may be turned against the source.
        target_shape: Shape of the result.

    Returns:
        A tensor of shape ``target_shape`` and the dtype of ``labels``; 0 outside the source grid.
    """
    try:
        return restore_nearest(labels, source_affine, target_affine, target_shape)
    except ValueError:  # turned against each other: no axis can be done on its own
        to_source = _to_source(source_affine, target_affine)
    moved = affine_transform(
        labels.numpy(),
        to_source[:3, :3],
        to_source[:3, 3],
        output_shape=tuple(target_shape),
        order=0,
        mode="grid-constant",  # "constant" would cut off the outer half of the outermost voxels
        cval=0,
    )
    return torch.from_numpy(moved)


def _to_source(source_affine: ArrayLike, target_affine: ArrayLike) -> NDArray[np.float64]:
    inverse = np.linalg.inv(np.asarray(source_affine, dtype=np.float64))
    return np.asarray(inverse @ np.asarray(target_affine, dtype=np.float64), dtype=np.float64)

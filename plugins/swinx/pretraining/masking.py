"""Masks of cubes: their grid, their random choice and their enlargement."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["block_grid", "draw_block_mask", "enlarge_blocks"]


def block_grid(size: Sequence[int], block_size: int) -> tuple[int, int, int]:
    """Return the number of cubes of side ``block_size`` along each axis of a volume.

    Raises:
        ValueError: If the cubes do not fill the volume.

    Examples:
        >>> block_grid((96, 96, 96), 16)
        (6, 6, 6)
    """
    if len(size) != 3 or block_size < 1 or any(side < 1 or side % block_size for side in size):
        raise ValueError(
            f"mask blocks of {block_size} voxels do not fill a view of {tuple(size)}: choose a block size that divides "
            "every side of roi_size"
        )
    first, second, third = (side // block_size for side in size)
    return first, second, third


def draw_block_mask(grid: Sequence[int], ratio: float, random: np.random.RandomState) -> NDArray[np.float32]:
    """Mask ``ceil(ratio * n)`` of the ``n`` cells of a grid, each set of cells equally likely.

    Args:
        grid: Cells along each axis.
        ratio: Share of the cells to mask, above 0 and below 1.
        random: Source of randomness.

    Returns:
        1 where masked, else 0; shape ``grid``.

    Raises:
        ValueError: If the ratio masks nothing or everything.

    Examples:
        >>> draw_block_mask((6, 6, 6), 0.7, np.random.RandomState(0)).sum()
        np.float32(152.0)
    """
    cells = math.prod(grid)
    masked = math.ceil(ratio * cells) if 0 < ratio < 1 else 0
    if not 0 < masked < cells:
        raise ValueError(
            f"a mask ratio of {ratio} masks {'nothing' if ratio <= 0 else 'everything'} of a grid of {tuple(grid)} "
            "blocks: choose one between 0 and 1 that leaves a block visible"
        )
    mask = np.zeros(cells, dtype=np.float32)
    mask[random.permutation(cells)[:masked]] = 1
    return mask.reshape(tuple(grid))


def enlarge_blocks(mask: Tensor, size: Sequence[int]) -> Tensor:
    """Repeat the cells of a mask along each axis until it has the given size.

    Args:
        mask: ``(B, C, d, h, w)``.
        size: Multiples of ``d``, ``h`` and ``w``.

    Returns:
        The mask at ``(B, C, *size)``.

    Raises:
        ValueError: If a side is no multiple.
    """
    if len(size) != 3 or any(side % cells for side, cells in zip(size, mask.shape[2:], strict=True)):
        raise ValueError(f"a mask of {tuple(mask.shape[2:])} blocks does not divide a grid of {tuple(size)}")
    for axis, side in enumerate(size, start=2):
        mask = mask.repeat_interleave(side // mask.shape[axis], dim=axis)
    return mask

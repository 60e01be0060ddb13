"""Masks of blocks: their size and grid, their random choice, other grids of them, and the transform that draws them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Randomizable
from monai.utils import ensure_tuple, ensure_tuple_rep
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool3d

__all__ = ["RandBlockMaskd", "block_grid", "block_sides", "draw_block_mask", "enlarge_blocks", "masked_share"]

LEAST_BLOCK = 4
"""Smallest side of a masked block in voxels: two tokens of the patch embedding."""


def block_sides(
    block_size: int, mask_block_mm: float | None, pixdim: Sequence[float], roi_size: Sequence[int]
) -> int | tuple[int, int, int]:
    """Return the side or sides of a masked block in voxels: as given, or those nearest to a length in mm.

    Nearest is by ratio, among the 4, 8, 16, ... voxels that divide the side of a view into several blocks. On an
    anisotropic grid the three sides may differ.

    Args:
        block_size: Side in voxels, for all axes.
        mask_block_mm: Side in mm, which goes before ``block_size``; None to take ``block_size``.
        pixdim: Voxel size in mm.
        roi_size: Sides of a view in voxels.

    Raises:
        ValueError: If the length is not positive.

    Examples:
        >>> block_sides(16, None, (4.0, 4.0, 4.0), (64, 64, 64))
        16
        >>> block_sides(16, 16.0, (2.0, 2.0, 4.0), (64, 64, 32))
        (8, 8, 4)
    """
    if mask_block_mm is None:
        return block_size
    if not mask_block_mm > 0:
        raise ValueError(f"mask_block_mm must be above 0 mm, not {mask_block_mm}")
    sides = []
    for side, spacing in zip(roi_size, pixdim, strict=True):
        powers = (LEAST_BLOCK << power for power in range(8))
        choices = [size for size in powers if size < side and side % size == 0] or [side]
        sides.append(_nearest(choices, mask_block_mm / spacing))
    first, second, third = sides
    return first, second, third


def _nearest(choices: Sequence[int], wanted: float) -> int:
    """Return the choice whose ratio to what is wanted is nearest to 1."""
    return min(choices, key=lambda size: abs(math.log(size / wanted)))


def block_grid(size: Sequence[int], block_size: int | Sequence[int]) -> tuple[int, int, int]:
    """Return the number of blocks along each axis of a volume.

    Args:
        size: Sides of the volume in voxels.
        block_size: Sides of a block in voxels, one for all axes or one for each.

    Raises:
        ValueError: If the blocks do not fill the volume.

    Examples:
        >>> block_grid((96, 96, 96), 16)
        (6, 6, 6)
        >>> block_grid((64, 64, 32), (8, 8, 4))
        (8, 8, 8)
    """
    blocks = ensure_tuple_rep(block_size, 3)
    if len(size) != 3 or any(block < 1 or side < 1 or side % block for side, block in zip(size, blocks, strict=True)):
        raise ValueError(
            f"mask blocks of {block_size} voxels do not fill a view of {tuple(size)}: choose a block size that divides "
            "every side of roi_size"
        )
    first, second, third = (side // block for side, block in zip(size, blocks, strict=True))
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


def masked_share(mask: Tensor, size: Sequence[int]) -> Tensor:
    """Return the masked share of each cell of another grid over the same volume.

    Args:
        mask: ``(B, C, d, h, w)``, 1 where masked.
        size: Cells of the other grid along each axis, multiples or divisors of ``d``, ``h`` and ``w``.

    Returns:
        Shares in [0, 1], ``(B, C, *size)``: 0 and 1 alone where no cell holds several blocks.

    Raises:
        ValueError: If a side is neither a multiple nor a divisor.
    """
    if len(size) != 3 or any(max(a, b) % min(a, b) for a, b in zip(size, mask.shape[2:], strict=True)):
        raise ValueError(f"a mask of {tuple(mask.shape[2:])} blocks and a grid of {tuple(size)} do not fit together")
    first, second, third = (min(a, b) for a, b in zip(size, mask.shape[2:], strict=True))
    return enlarge_blocks(adaptive_avg_pool3d(mask, (first, second, third)), size)


class RandBlockMaskd(Randomizable, MapTransform):
    """Random mask of blocks for each view, for the student.

    The views themselves are unchanged: the network replaces the masked tokens, and the loss needs the clean view.
    Masks of different views are independent; each masks ``ceil(ratio * n)`` of the ``n`` blocks.

    Args:
        keys: The views, each ``(C, X, Y, Z)``.
        mask_keys: Keys of the masks, one for each of ``keys``: float32 ``(1, d, h, w)``, 1 where masked.
        block_size: Sides of a block in voxels, one for all axes or one for each; they divide the sides of a view.
        ratio: Share of the blocks to mask, above 0 and below 1.

    Raises:
        ValueError: If a setting is out of range, or there are not as many mask keys as keys.

    Reference:
        SMIT, https://arxiv.org/abs/2205.10342: blocks of 16^3 voxels, 70 % of them masked.
    """

    def __init__(
        self,
        keys: KeysCollection = ("view_1", "view_2"),
        mask_keys: KeysCollection = ("mask_1", "mask_2"),
        block_size: int | Sequence[int] = 16,
        ratio: float = 0.7,
    ) -> None:
        super().__init__(keys)
        self.mask_keys = ensure_tuple(mask_keys)
        if len(self.mask_keys) != len(self.keys) or len({*self.keys, *self.mask_keys}) != 2 * len(self.keys):
            raise ValueError(f"each view needs one mask under a name of its own: views {self.keys}, {self.mask_keys}")
        blocks = ensure_tuple_rep(block_size, 3)
        if any(side < 1 or side != int(side) for side in blocks):
            raise ValueError(f"block_size must be a positive whole number of voxels, not {block_size}")
        if not 0 < ratio < 1:
            raise ValueError(f"a mask ratio of {ratio} masks nothing or everything: choose one between 0 and 1")
        self.block_size = tuple(int(side) for side in blocks)
        self.ratio = ratio

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with a mask for each view.

        Raises:
            ValueError: If blocks do not fill a view, or the ratio masks all of its blocks.
        """
        out = dict(data)
        for key, mask_key in zip(self.keys, self.mask_keys, strict=True):
            grid = block_grid(out[key].shape[1:], self.block_size)
            out[mask_key] = torch.from_numpy(draw_block_mask(grid, self.ratio, self.R))[None]
        return out

"""Transform that draws random masks of cubes, for masked image modelling."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Randomizable
from monai.utils import ensure_tuple

from swinx.pretraining.masking import block_grid, draw_block_mask

__all__ = ["RandBlockMaskd"]


class RandBlockMaskd(Randomizable, MapTransform):
    """Random mask of blocks for each view, for the student.

    The views themselves are unchanged: the network replaces the masked tokens, and the loss needs the clean view.
    Masks of different views are independent; each masks ``ceil(ratio * n)`` of the ``n`` blocks.

    Args:
        keys: The views, each ``(C, X, Y, Z)``.
        mask_keys: Keys of the masks, one for each of ``keys``: float32 ``(1, d, h, w)``, 1 where masked.
        block_size: Side of a block in voxels; it divides every side of a view.
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
        block_size: int = 16,
        ratio: float = 0.7,
    ) -> None:
        super().__init__(keys)
        self.mask_keys = ensure_tuple(mask_keys)
        if len(self.mask_keys) != len(self.keys) or len({*self.keys, *self.mask_keys}) != 2 * len(self.keys):
            raise ValueError(f"each view needs one mask under a name of its own: views {self.keys}, {self.mask_keys}")
        if block_size < 1 or block_size != int(block_size):
            raise ValueError(f"block_size must be a positive whole number of voxels, not {block_size}")
        if not 0 < ratio < 1:
            raise ValueError(f"a mask ratio of {ratio} masks nothing or everything: choose one between 0 and 1")
        self.block_size = int(block_size)
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

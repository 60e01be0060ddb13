"""The window order of the published code, and the record of it in checkpoints.

After window attention, the published implementations of SMIT and of the FLARE-23 network put
the windows back together with the axes that *cut* windows instead of their inverse: what a
token attended to lands at another voxel. Every published checkpoint was trained so. swinx
is correct by default and reproduces the published order on demand.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.nets.swin_unetr import SwinTransformerBlock, get_window_size, window_partition
from torch import Tensor
from torch.nn import functional

__all__ = ["PublishedOrderBlock", "reassemble_published", "record_window_order"]


def reassemble_published(windows: Tensor, window_size: Sequence[int], grid: Sequence[int]) -> Tensor:
    """Reassemble windows in the order of the published code.

    The (B, D/w, H/w, W/w, w, w, w, C) view is permuted by (0, 1, 3, 5, 2, 4, 6, 7); the inverse
    of cutting windows would be (0, 1, 4, 2, 5, 3, 6, 7), which is
    ``monai.networks.nets.swin_unetr.window_reverse``.

    Args:
        windows: Tokens by window, ``(B * windows, w * w * w, C)``.
        window_size: Sides of a window, in tokens.
        grid: Sides ``(D, H, W)`` of the whole grid in tokens, multiples of ``window_size``.

    Returns:
        The same tokens as ``(B, D, H, W, C)``, each scan permuted within itself.

    Examples:
        >>> windows = torch.arange(64).reshape(8, 8, 1)
        >>> reassemble_published(windows, (2, 2, 2), (4, 4, 4))[0, 0, 0, :, 0].tolist()
        [0, 1, 4, 5]
    """
    counts = [side // window for side, window in zip(grid, window_size, strict=True)]
    view = windows.reshape(-1, *counts, *window_size, windows.shape[-1])
    return view.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(-1, *grid, windows.shape[-1])


def record_window_order(published: bool) -> Tensor:
    """Return a checkpoint's entry about its window order: uint8, 1 if published.

    A tensor, so that checkpoints stay plain dictionaries of tensors.
    """
    return torch.tensor(int(published), dtype=torch.uint8)


class PublishedOrderBlock(SwinTransformerBlock):
    """MONAI's Swin block with the published order of windows after attention.

    The order is decided between attention and the crop of the padding, inside
    ``forward_part1``; neither a hook on the attention (it does not know the grid) nor one on the
    block (the padding is gone by then) can change it, and replacing MONAI's ``window_reverse``
    would change every other Swin network in the process. Hence one overridden method.
    """

    def forward_part1(self, x: Tensor, mask_matrix: Tensor | None) -> Tensor:
        """Normalise, pad, shift, attend within windows, misplace, shift back and crop.

        Args:
            x: Tokens ``(B, D, H, W, C)``.
            mask_matrix: Attention mask between shifted regions, ``(windows, w ** 3, w ** 3)``.

        Returns:
            Tokens in the shape of ``x``.
        """
        depth, height, width = sides = tuple(x.shape[1:4])
        window, shift = get_window_size(sides, self.window_size, self.shift_size)  # type: ignore[no-untyped-call]
        far_pad = [(-side) % extent for side, extent in zip(sides, window, strict=True)]
        x = functional.pad(self.norm1(x), (0, 0, 0, far_pad[2], 0, far_pad[1], 0, far_pad[0]))
        grid = tuple(x.shape[1:4])
        shifted = any(shift)
        if shifted:
            x = torch.roll(x, [-step for step in shift], (1, 2, 3))
        windows = window_partition(x, window)  # type: ignore[no-untyped-call]
        attended = self.attn(windows, mask=mask_matrix if shifted else None)
        x = reassemble_published(attended, window, grid)
        if shifted:
            x = torch.roll(x, list(shift), (1, 2, 3))
        return x[:, :depth, :height, :width].contiguous()

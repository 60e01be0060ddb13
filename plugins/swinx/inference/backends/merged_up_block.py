"""The decoder's up block with less arithmetic and the same result, for inference."""

from __future__ import annotations

from itertools import product
from typing import cast

import torch
import torch.nn.functional as functional
from monai.networks.blocks import UnetrUpBlock
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["MergedUpBlock", "merge_upsampling"]

_SLOPE = 0.01


def merge_upsampling(transposed: Tensor, kernel: Tensor) -> Tensor:
    """Return the one transposed convolution that stands for a transposed and an ordinary one.

    A transposed convolution of kernel 2 and stride 2, followed by a convolution of kernel ``k`` (odd) and padding
    ``k // 2``, is a transposed convolution of kernel ``k + 1``, stride 2 and padding ``k // 2``, at the borders, too.
    For ``k = 3`` it reads 8 voxels of the coarse grid where the two read 1 and 27.

    Args:
        transposed: Weight ``(C_in, C_mid, 2, 2, 2)`` of the first.
        kernel: Weight ``(C_out, C_mid, k, k, k)`` of the second.

    Returns:
        The weight ``(C_in, C_out, k + 1, k + 1, k + 1)``, summed in double precision.
    """
    first, second = transposed.double(), kernel.double().flip(2, 3, 4)
    side = kernel.shape[-1]
    merged = first.new_zeros((first.shape[0], second.shape[0], *(side + 1,) * 3))
    for x, y, z in product(range(2), repeat=3):
        part = torch.einsum("im,omxyz->ioxyz", first[:, :, x, y, z], second)
        merged[:, :, x : x + side, y : y + side, z : z + side] += part
    return merged.to(transposed.dtype)


class MergedUpBlock(nn.Module):
    """A ``UnetrUpBlock`` for inference: batch norms folded, upsampling merged with what follows, nothing concatenated.

    Of the convolutions at the fine grid a quarter of the arithmetic goes, and a map of twice the channels is not made.
    The weights are copies; training the block afterwards does not change this one.

    Args:
        block: A residual block with batch norm; its running statistics are used.
    """

    def __init__(self, block: UnetrUpBlock) -> None:
        super().__init__()
        residual, upsampling = block.conv_block, block.transp_conv.conv.weight.detach()
        width = upsampling.shape[1]
        first, second, shortcut = (
            fuse_conv_bn_eval(conv.conv, norm.eval())
            for conv, norm in (
                (residual.conv1, residual.norm1),
                (residual.conv2, residual.norm2),
                (residual.conv3, residual.norm3),
            )
        )
        self.second = second
        self.skip = _of_skip(first, width)
        self.skip_shortcut = _of_skip(shortcut, width)
        self.register_buffer("up", merge_upsampling(upsampling, first.weight[:, :width].detach()))
        self.register_buffer("up_shortcut", merge_upsampling(upsampling, shortcut.weight[:, :width].detach()))

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """Map features ``(B, C_in, D, H, W)`` and a skip ``(B, C, 2D, 2H, 2W)`` to ``(B, C, 2D, 2H, 2W)``."""
        up, up_shortcut = cast(Tensor, self.up), cast(Tensor, self.up_shortcut)
        features = self.skip(skip) + functional.conv_transpose3d(coarse, up, stride=2, padding=1)
        features = self.second(functional.leaky_relu(features, _SLOPE))
        features = features + self.skip_shortcut(skip) + functional.conv_transpose3d(coarse, up_shortcut, stride=2)
        return functional.leaky_relu(features, _SLOPE)


def _of_skip(conv: nn.Conv3d, width: int) -> nn.Conv3d:
    """Return the part of a convolution of both halves that reads the second half, with the bias."""
    part = nn.Conv3d(width, conv.out_channels, conv.kernel_size, padding=conv.padding)  # type: ignore[arg-type]
    with torch.no_grad():
        part.weight.copy_(conv.weight[:, width:])
        if conv.bias is not None and part.bias is not None:
            part.bias.copy_(conv.bias)
    return part.to(conv.weight.device)

"""The network in three parts for inference: one of the whole window, and two of the part of it that is used."""

from __future__ import annotations

import copy
from itertools import product
from typing import cast

import torch
import torch.nn.functional as functional
from monai.networks.blocks import UnetrBasicBlock, UnetrUpBlock
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from swinx.inference.backends.output_layer import OutputLayer
from swinx.networks import ReductionBlock, SwinXSeg

__all__ = [
    "MergedUpBlock",
    "SplitNetwork",
    "WindowDecoder",
    "WindowFeatures",
    "WindowHead",
    "WindowMiddle",
    "merge_upsampling",
]


_SLOPE = 0.01


class SplitNetwork(nn.Module):
    """A :class:`swinx.networks.SwinXSeg` as three modules, ``features``, ``middle`` and ``head``, with less arithmetic.

    ``head(image, middle(*features(image)))`` equals the network in evaluation mode to float precision. Four fifths of
    the arithmetic are in the head, at full resolution, and half of the rest is in the middle, at half of it. Both are
    convolutional: logits of a part of the window need that part of what is read, and a halo. Batch norms are folded and
    upsampling is merged (:class:`swinx.inference.MergedUpBlock`).

    The weights are copies: a network that is trained on needs a new one.

    Attributes:
        output_layer: Layer that makes logits of the decoder's features, if these are fewer than the classes; else None.
        last: Module that a backend runs at full resolution: the head, or, with an output layer, the decoder in it.

    Args:
        network: The network.

    Raises:
        TypeError: If it is no ``SwinXSeg``.
        ValueError: If its norms are no batch norms: others take means over the whole window.
    """

    def __init__(self, network: SwinXSeg) -> None:
        super().__init__()
        if not isinstance(network, SwinXSeg):
            raise TypeError(f"only SwinXSeg can be split, not {type(network).__name__}")
        if network.norm != "batch":
            raise ValueError(f"only a network with batch norms can be split, not one with {network.norm} norms")
        copied = copy.deepcopy(network).eval().requires_grad_(False)
        self.in_channels = copied.encoder.in_channels
        deeper = [int(block.transp_conv.conv.in_channels) for block in list(copied.up_blocks)[:2]]  # type: ignore[union-attr, arg-type]
        self.feature_channels, self.coarse_channels = deeper
        self.skip_channels = int(copied.encoder.channels[0])
        self.features = WindowFeatures(copied)
        self.middle = WindowMiddle(copied)
        self.head = WindowHead(copied)
        self.output_layer: OutputLayer | None = None
        self.last: nn.Module = self.head
        out = copied.out.conv.conv
        if out.out_channels > out.in_channels:
            self.output_layer = OutputLayer(out.weight.detach().flatten(1), out.bias.detach())
            self.last = self.head.decoder
        self.eval().requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits ``(B, classes, D, H, W)`` of windows ``(B, C, D, H, W)``."""
        return cast(Tensor, self.head(image, self.middle(*self.features(image))))


class WindowFeatures(nn.Module):
    """Encoder, and decoder up to a quarter of the resolution.

    Args:
        network: Its parts are used, not copied.
    """

    def __init__(self, network: SwinXSeg) -> None:
        super().__init__()
        self.encoder = network.encoder
        self.skip_reductions = nn.ModuleList(_FoldedReduction(block) for block in list(network.skip_reductions)[1:])  # type: ignore[arg-type]
        self.bottleneck_reduction = _FoldedReduction(network.bottleneck_reduction)
        self.up_blocks = nn.ModuleList(MergedUpBlock(block) for block in list(network.up_blocks)[2:])  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inputs of the middle of the network.

        Args:
            image: Windows ``(B, C, D, H, W)``.

        Returns:
            The encoder's tokens of the first stage, ``(B, E, D / 2, H / 2, W / 2)``, and the decoder's features ``(B,
            F, D / 4, H / 4, W / 4)``.
        """
        encoded = self.encoder(image)
        first, *deeper = encoded.skips
        skips = [reduce(skip) for reduce, skip in zip(self.skip_reductions, deeper, strict=True)]
        decoded = self.bottleneck_reduction(encoded.bottleneck)
        for up_block, skip in zip(reversed(self.up_blocks), reversed(skips), strict=True):
            decoded = up_block(decoded, skip)
        return first, cast(Tensor, decoded)


class WindowMiddle(nn.Module):
    """Half of the resolution: the reduction of the encoder's first skip, and the up block it goes to.

    Args:
        network: Its parts are used, not copied.
    """

    def __init__(self, network: SwinXSeg) -> None:
        super().__init__()
        self.skip_reduction = _FoldedReduction(network.skip_reductions[0])  # type: ignore[arg-type]
        self.up_block = MergedUpBlock(network.up_blocks[1])  # type: ignore[arg-type]

    def forward(self, skip: Tensor, coarse: Tensor) -> Tensor:
        """Return features ``(B, F, 2d, 2h, 2w)`` on the grid that the coarse features cover.

        Where a side is not a border of the window, the outer voxels are wrong, four at the begin and two at the end.

        Args:
            skip: ``(B, E, D, H, W)``: begins where the coarse features do, and goes on for two voxels after them where
                the window does.
            coarse: ``(B, F, d, h, w)``.
        """
        return cast(Tensor, self.up_block(coarse, _covered(self.skip_reduction(skip), coarse)))


class WindowHead(nn.Module):
    """The full resolution, and the output layer.

    Args:
        network: Its output layer is used, not copied.
    """

    def __init__(self, network: SwinXSeg) -> None:
        super().__init__()
        self.decoder = WindowDecoder(network)
        self.out = network.out

    def forward(self, image: Tensor, features: Tensor) -> Tensor:
        """Return logits ``(B, classes, 2d, 2h, 2w)`` on the grid that the features cover; see the decoder."""
        return cast(Tensor, self.out(self.decoder(image, features)))


class WindowDecoder(nn.Module):
    """The full resolution: the block on the image, and the last up block.

    Args:
        network: Its parts are used, not copied.
    """

    def __init__(self, network: SwinXSeg) -> None:
        super().__init__()
        self.image_block = _FoldedBasicBlock(network.image_block)
        self.up_block = MergedUpBlock(network.up_blocks[0])  # type: ignore[arg-type]

    def forward(self, image: Tensor, features: Tensor) -> Tensor:
        """Return the input of the output layer, ``(B, G, 2d, 2h, 2w)``, on the grid that the features cover.

        Where a side is not a border of the window, the outer voxels are wrong, four at the begin and two at the end:
        what lies beyond is taken for the border's zeros.

        Args:
            image: ``(B, C, D, H, W)``: begins where the features do, and goes on for two voxels after them where the
                window does.
            features: ``(B, F, d, h, w)``.
        """
        return cast(Tensor, self.up_block(features, _covered(self.image_block(image), features)))


def _covered(fine: Tensor, coarse: Tensor) -> Tensor:
    """Return the part of a map that lies under one of half the resolution."""
    d, h, w = (2 * side for side in coarse.shape[2:])
    return fine[:, :, :d, :h, :w]


class _FoldedBasicBlock(nn.Module):
    """A ``UnetrBasicBlock`` of two convolutions, batch norms folded."""

    def __init__(self, block: UnetrBasicBlock) -> None:
        super().__init__()
        self.first = fuse_conv_bn_eval(block.layer.conv1.conv, block.layer.norm1)
        self.second = fuse_conv_bn_eval(block.layer.conv2.conv, block.layer.norm2)

    def forward(self, image: Tensor) -> Tensor:
        features = functional.leaky_relu(self.first(image), _SLOPE)
        return functional.leaky_relu(self.second(features), _SLOPE)


class _FoldedReduction(nn.Module):
    """A :class:`swinx.networks.ReductionBlock`; the sum with its input is in the kernel's centre."""

    def __init__(self, block: ReductionBlock) -> None:
        super().__init__()
        self.first = fuse_conv_bn_eval(block.conv1.conv, block.norm1)
        self.second = fuse_conv_bn_eval(block.conv2.conv, block.norm2)
        with torch.no_grad():
            channels = torch.arange(self.first.out_channels)
            self.first.weight[channels, channels, 1, 1, 1] += 1

    def forward(self, features: Tensor) -> Tensor:
        refined = functional.leaky_relu(self.first(features), _SLOPE)
        return functional.leaky_relu(self.second(refined), _SLOPE)


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

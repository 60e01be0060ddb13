"""The Swin-X segmentation network: Swin encoder, reduced convolutional decoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from monai.networks.blocks import UnetOutBlock, UnetrBasicBlock, UnetrUpBlock
from monai.networks.blocks.dynunet_block import get_conv_layer
from monai.networks.layers.utils import get_act_layer, get_norm_layer
from torch import Tensor, nn

from swinx.networks.swin_encoder import SwinEncoder
from swinx.networks.tracing import trace_for_script, window_sides

__all__ = ["NORMS", "ReductionBlock", "SwinXSeg"]

NORMS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "batch": ("batch", {}),
    "instance": ("instance", {"affine": True}),
    "group": ("group", {"num_groups": 4}),
}
"""Normalisations of the convolutional blocks, as MONAI names them.

Batch norm is that of the published network. It needs several patches a step: with one or two, the means of a step are
not those that inference uses. The others have no running means. Instance norm needs patches of more than 32 voxels a
side for a training, as the bottleneck of smaller ones is a single voxel; groups of channels have more values.
"""


class ReductionBlock(nn.Module):
    """Residual block at a feature map's own width, then a reduction of its channels.

    conv3, norm, add the input, LeakyReLU; conv1 to the decoder's width, norm,
    LeakyReLU. Convolutions have no bias.

    Args:
        in_channels: Channels of the encoder's map.
        out_channels: Channels of the decoder's level.
        norm: One of :data:`NORMS`.
    """

    def __init__(self, in_channels: int, out_channels: int, norm: str = "batch") -> None:
        super().__init__()
        self.conv1 = get_conv_layer(3, in_channels, in_channels, kernel_size=3, act=None, norm=None)
        self.norm1 = get_norm_layer(NORMS[norm], spatial_dims=3, channels=in_channels)
        self.conv2 = get_conv_layer(3, in_channels, out_channels, kernel_size=1, act=None, norm=None)
        self.norm2 = get_norm_layer(NORMS[norm], spatial_dims=3, channels=out_channels)
        self.activation = get_act_layer(("leakyrelu", {"inplace": True, "negative_slope": 0.01}))

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(B, in_channels, D, H, W)`` to ``(B, out_channels, D, H, W)``."""
        refined = self.activation(self.norm1(self.conv1(features)) + features)
        return cast(Tensor, self.activation(self.norm2(self.conv2(refined))))


class SwinXSeg(nn.Module):
    """Swin encoder with a decoder of constant, small width; 30,298,677 parameters by default.

    Level 0 of the decoder is the full resolution, level ``i`` has sides divided by ``2**i``.
    Each level joins, after upsampling, the reduced skip of its resolution; level 0 joins
    convolutional features of the image itself. The bottleneck is reduced to the width of the
    deepest level.

    Args:
        in_channels: Channels of the image.
        out_channels: Classes, background included.
        embed_dim: Channels of the first encoder stage; doubled by every stage.
        depths: Swin blocks per stage.
        num_heads: Attention heads per stage.
        window_size: Side of the cubic attention window, in tokens.
        decoder_channels: Width of the decoder: one number, or one per level, full resolution
            first (five for four stages). The full resolution takes about 80 % of the
            arithmetic, so ``(16, 48, 48, 48, 48)`` is a much faster variant.
        dropout: Rate on the encoder's tokens, projections and MLPs, and on the features before the
            output layer; 0 is the published network, more allows Monte Carlo dropout.
        drop_path_rate: Stochastic depth of the last Swin block; rises linearly from 0.
        use_checkpoint: Recompute the Swin blocks in the backward pass to save memory. The decoder
            is not recomputed: its batch norms would count every batch twice.
        published_window_order: Reproduce the misplaced windows of the published code, which its
            checkpoints need (:mod:`swinx.networks.window_order`).
        qkv_bias: Learn a bias for queries, keys and values; the published pretraining has none.
        script_window: Sides, in voxels, of the only windows that the result of ``torch.jit.script`` takes; the network
            itself takes others as well.
        norm: Normalisation of the convolutional blocks, one of :data:`NORMS`; group norm needs channels that are
            multiples of 4.

    Raises:
        ValueError: If depths, heads, channels or decoder levels do not fit together, the window has not three sides, or
            the norm is unknown.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 15,
        embed_dim: int = 48,
        depths: Sequence[int] = (2, 2, 2, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: int = 4,
        decoder_channels: int | Sequence[int] = 48,
        dropout: float = 0.0,
        drop_path_rate: float = 0.3,
        use_checkpoint: bool = False,
        published_window_order: bool = False,
        qkv_bias: bool = True,
        script_window: Sequence[int] = (96, 96, 96),
        norm: str = "batch",
    ) -> None:
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"norm must be one of {', '.join(NORMS)}, not {norm!r}")
        self.norm = norm
        self.script_window = window_sides(script_window)
        widths = _level_widths(decoder_channels, levels=len(depths) + 1)
        self.decoder_channels = widths
        self.encoder = SwinEncoder(
            in_channels,
            embed_dim,
            depths,
            num_heads,
            window_size,
            qkv_bias=qkv_bias,
            dropout=dropout,
            drop_path_rate=drop_path_rate,
            use_checkpoint=use_checkpoint,
            published_window_order=published_window_order,
        )
        self.image_block = UnetrBasicBlock(3, in_channels, widths[0], kernel_size=3, stride=1, norm_name=NORMS[norm])
        self.skip_reductions = nn.ModuleList(
            ReductionBlock(channels, width, norm)
            for channels, width in zip(self.encoder.channels, widths[1:], strict=True)
        )
        self.bottleneck_reduction = ReductionBlock(2 * self.encoder.channels[-1], widths[-1], norm)
        self.up_blocks = nn.ModuleList(
            UnetrUpBlock(3, deeper, width, kernel_size=3, upsample_kernel_size=2, norm_name=NORMS[norm], res_block=True)
            for deeper, width in zip((*widths[1:], widths[-1]), widths, strict=True)
        )
        self.dropout = nn.Dropout(dropout)
        self.out = UnetOutBlock(3, widths[0], out_channels)

    def __prepare_scriptable__(self) -> nn.Module:
        """Return the traced network for ``torch.jit.script``; see :func:`swinx.networks.tracing.trace_for_script`."""
        return trace_for_script(self, (self.encoder.in_channels, *self.script_window))

    def forward(self, image: Tensor) -> Tensor:
        """Return logits ``(B, out_channels, D, H, W)`` of an image ``(B, in_channels, D, H, W)``.

        Raises:
            ValueError: If a side is not a multiple of 32 (for four stages).
        """
        return cast(Tensor, self.out(self.dropout(self.decode(image)[0])))

    def decode(self, image: Tensor, levels: int = 1) -> list[Tensor]:
        """Return the decoder's features at its finest levels.

        Args:
            image: ``(B, in_channels, D, H, W)``.
            levels: Levels that are returned; the others are not kept in memory.

        Returns:
            Level 0 first: ``(B, decoder_channels[i], D / 2**i, H / 2**i, W / 2**i)``.

        Raises:
            ValueError: If a side is not a multiple of 32 (for four stages).
        """
        features = self.encoder(image)
        skips = [self.image_block(image)]
        skips += [reduce(skip) for reduce, skip in zip(self.skip_reductions, features.skips, strict=True)]
        decoded = self.bottleneck_reduction(features.bottleneck)
        finest: list[Tensor] = []
        for up_block, skip in zip(reversed(self.up_blocks), reversed(skips), strict=True):
            decoded = up_block(decoded, skip)
            finest = [decoded, *finest][:levels]
        return finest


def _level_widths(decoder_channels: int | Sequence[int], levels: int) -> tuple[int, ...]:
    widths = (decoder_channels,) * levels if isinstance(decoder_channels, int) else tuple(decoder_channels)
    if len(widths) != levels or min(widths) < 1:
        raise ValueError(f"decoder_channels {decoder_channels} must be a positive number, or {levels} of them")
    return widths

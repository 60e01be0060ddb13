"""Light decoder that reconstructs a view from all levels of the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from monai.networks.blocks import Convolution, UpSample
from monai.networks.utils import pixelshuffle
from torch import Tensor, nn

from swinx.networks import SwinFeatures

__all__ = ["PyramidReconstruction"]


class PyramidReconstruction(nn.Module):
    """Feature pyramid from the bottleneck up to tokens of 2 voxels, whose channels become the voxels.

    At each level the deeper map is upsampled, the skip is added through a 1x1 convolution, and both are joined by a
    3x3x3 convolution with group norm. It has no path from the image around the encoder. The encoder's skips get
    gradients, which a reconstruction of the bottleneck alone does not give them.

    The last convolution starts at zero, so that the reconstruction does; see :class:`swinx.pretraining.SmitNetwork`.

    Args:
        channels: Channels of the encoder's stages, shallow to deep.
        in_channels: Channels of the image.
        width: Channels of all levels, a multiple of 4.

    Reference:
        Lin et al., "Feature pyramid networks for object detection", CVPR 2017, https://arxiv.org/abs/1612.03144.
    """

    def __init__(self, channels: Sequence[int], in_channels: int = 1, width: int = 16) -> None:
        super().__init__()
        self.bottleneck = nn.Conv3d(2 * channels[-1], width, kernel_size=1)
        self.skips = nn.ModuleList(nn.Conv3d(channel, width, kernel_size=1) for channel in channels)
        self.joins = nn.ModuleList(
            Convolution(3, width, width, norm=("group", {"num_groups": 4}), act="leakyrelu", bias=False)
            for _ in channels
        )
        self.upsample = UpSample(3, scale_factor=2, mode="nontrainable", interp_mode="nearest", align_corners=None)
        self.voxels = nn.Conv3d(width, in_channels * 8, kernel_size=1)
        nn.init.zeros_(self.voxels.weight)
        nn.init.zeros_(cast(Tensor, self.voxels.bias))

    def forward(self, features: SwinFeatures) -> Tensor:
        """Map the encoder's features of an image ``(B, in_channels, D, H, W)`` to intensities of that shape."""
        decoded = self.bottleneck(features.bottleneck)
        levels = zip(reversed(self.joins), reversed(self.skips), reversed(features.skips), strict=True)
        for join, through, skip in levels:
            decoded = join(self.upsample(decoded) + through(skip))
        return pixelshuffle(self.voxels(decoded), spatial_dims=3, scale_factor=2)

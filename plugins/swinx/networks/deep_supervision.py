"""Deep supervision: output layers at the decoder's coarser levels, which a training has and an inference has not."""

from __future__ import annotations

from monai.networks.blocks import UnetOutBlock
from torch import Tensor, nn

from swinx.networks.swinx_seg import SwinXSeg

__all__ = ["DeepSupervision"]


class DeepSupervision(nn.Module):
    """Segmentation network that is trained at several resolutions at once.

    Around the network, which stays as it is and is what a training saves, there is a convolution of one voxel at each
    further level of the decoder. In training the result is a list of logits, for
    :class:`swinx.training.DeepSupervisionLoss`; in evaluation it is the network's own output.

    Reference:
        Dou et al., "3D deeply supervised network for automatic liver segmentation from CT volumes", MICCAI 2016,
        https://arxiv.org/abs/1607.00582; Isensee et al., "nnU-Net", Nature Methods 18, 2021,
        https://doi.org/10.1038/s41592-020-01008-z.

    Args:
        network: The network; with one level it may be any.
        levels: Resolutions: the full one, half of it, a quarter, and so on. With one there is no further layer, and the
            output is the network's own in training, too.

    Raises:
        ValueError: If the decoder has fewer levels, or ``levels`` is not positive.
    """

    def __init__(self, network: nn.Module, levels: int = 1) -> None:
        super().__init__()
        self.network = network
        self.heads = nn.ModuleList(_heads(network, levels) if levels != 1 else [])

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        """Return logits of an image ``(B, in_channels, D, H, W)``.

        Returns:
            In evaluation, or with one level, ``(B, out_channels, D, H, W)``; in training a list of ``(B, out_channels,
            D / 2**i, H / 2**i, W / 2**i)``.
        """
        if not (self.training and isinstance(self.network, SwinXSeg) and len(self.heads)):
            output: Tensor = self.network(image)
            return output
        finest, *coarser = self.network.decode(image, 1 + len(self.heads))
        finest = self.network.out(self.network.dropout(finest))
        return [finest, *(head(features) for head, features in zip(self.heads, coarser, strict=True))]


def _heads(network: nn.Module, levels: int) -> list[nn.Module]:
    if not isinstance(network, SwinXSeg) or not 1 < levels <= len(network.decoder_channels):
        there = len(network.decoder_channels) if isinstance(network, SwinXSeg) else 1
        raise ValueError(
            f"deep supervision at {levels} levels, but the decoder of {type(network).__name__} has {there}; "
            "switch it off, or build a network of more stages"
        )
    classes = network.out.conv.conv.out_channels
    return [UnetOutBlock(3, width, classes) for width in network.decoder_channels[1:levels]]

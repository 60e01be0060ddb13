"""Small networks to export."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from swinx.networks import SwinXSeg

__all__ = ["WINDOW", "Noisy", "Pointwise", "small_network"]

WINDOW = (1, 32, 32, 32)


def small_network() -> SwinXSeg:
    """One stage with a plain and a shifted block: few operators, of all kinds."""
    torch.manual_seed(0)
    network = SwinXSeg(out_channels=15, embed_dim=12, depths=(2,), num_heads=(1,), decoder_channels=4)
    return network.eval().requires_grad_(False)


class Pointwise(nn.Module):
    """As many classes as you like, by brightness alone."""

    def __init__(self, classes: int = 15) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, image: Tensor) -> Tensor:
        """Return scores ``(B, classes, X, Y, Z)``."""
        return torch.cat([image * index - index**2 / self.classes / 2 for index in range(self.classes)], dim=1)


class Noisy(nn.Module):
    """Says something else every time, by as much as ``size``."""

    def __init__(self, size: float) -> None:
        super().__init__()
        self.size = size

    def forward(self, image: Tensor) -> Tensor:
        """Return scores of two classes."""
        return torch.rand_like(torch.cat([image, image], dim=1)) * self.size

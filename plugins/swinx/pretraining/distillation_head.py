"""Distillation heads: from tokens to logits over prototypes."""

from __future__ import annotations

import math
from typing import cast

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["DistillationHead", "PrototypeLayer"]

_PAPER_STD = 0.02
_PAPER_WIDTHS = (384, 2048, 2048)
"""Inputs of the three layers of a head at the paper's size."""


class PrototypeLayer(nn.Linear):
    """Linear layer without bias whose rows have length 1: a weight norm with its gain frozen at 1."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(..., in_features)`` to ``(..., out_features)``; unit tokens give cosines in [-1, 1]."""
        return functional.linear(tokens, functional.normalize(self.weight, dim=-1))


class DistillationHead(nn.Module):
    """Three-layer MLP, L2 normalisation, and :class:`PrototypeLayer`.

    The first weights have the standard deviation 0.02 of DINO and iBOT at the paper's widths, and at others so much
    more or less that the layers' outputs are as large as there. With 0.02 at any width, a narrow head begins with
    outputs near zero, which the L2 normalisation turns into gradients hundreds of times as large.

    Args:
        in_dim: Channels of a token.
        out_dim: Prototypes ``K``.
        hidden_dim: Width of the two hidden layers.
        bottleneck_dim: Width before the prototypes.

    Reference:
        DINO, https://arxiv.org/abs/2104.14294, section 3.1 and appendix C; iBOT, https://arxiv.org/abs/2111.07832.
    """

    def __init__(self, in_dim: int, out_dim: int = 8192, hidden_dim: int = 2048, bottleneck_dim: int = 256) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(in_dim, hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, bottleneck_dim),
        )
        linear = [layer for layer in self.mlp if isinstance(layer, nn.Linear)]
        for layer, width in zip(linear, _PAPER_WIDTHS, strict=True):
            nn.init.trunc_normal_(layer.weight, std=_PAPER_STD * math.sqrt(width / layer.in_features))
            nn.init.zeros_(layer.bias)
        self.last_layer = PrototypeLayer(bottleneck_dim, out_dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens ``(B, N, in_dim)`` to float32 logits ``(B, N, K)`` in [-1, 1]."""
        directions = functional.normalize(self.mlp(tokens), dim=-1)
        return cast(Tensor, self.last_layer(directions)).float()

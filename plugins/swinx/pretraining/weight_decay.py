"""Parameter groups of an optimiser, with and without weight decay."""

from __future__ import annotations

from typing import Any

from torch import nn

__all__ = ["decay_groups"]


def decay_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split the trained parameters for an optimiser: matrices and kernels decay, vectors do not.

    Biases, normalisations and the mask token are vectors; pulling them towards zero does not regularise. DINO and
    iBOT do the same.

    Args:
        network: Network; parameters without gradient, such as a teacher's, are left out.
        weight_decay: Decay of the first group.

    Returns:
        Two parameter groups.
    """
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return [
        {"params": [parameter for parameter in trained if parameter.ndim > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim <= 1], "weight_decay": 0.0},
    ]

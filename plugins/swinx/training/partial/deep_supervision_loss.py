"""Loss of a network that is supervised at several resolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from monai.data import MetaTensor
from torch import Tensor, nn
from torch.nn import functional

from swinx.training.partial.partial_dice_ce import PartialTarget

__all__ = ["DeepSupervisionLoss", "coarser_target", "level_weights"]


def level_weights(levels: int) -> list[float]:
    """Return the weights of resolutions, the full one first: each is half of that before, and their sum is 1.

    Examples:
        >>> [round(weight, 3) for weight in level_weights(3)]
        [0.571, 0.286, 0.143]
    """
    total = sum(0.5**level for level in range(levels))
    return [0.5**level / total for level in range(levels)]


def coarser_target(target: PartialTarget, size: Sequence[int]) -> PartialTarget:
    """Return a target on a coarser grid: of each voxel there the label of one voxel, so that unknown stays unknown.

    A mean of labels is none, and a majority would lose small lesions and unknown voxels.

    Args:
        target: Labels, and class weights, which stay.
        size: Sides of the coarser grid.
    """
    label = target.label.as_tensor() if isinstance(target.label, MetaTensor) else target.label
    if label.shape[2:] == tuple(size):
        return target
    return PartialTarget(functional.interpolate(label.float(), tuple(size), mode="nearest-exact"), target.class_weights)


class DeepSupervisionLoss(nn.Module):
    r"""Weighted mean of a loss over resolutions.

    .. math:: \mathcal{L} = \sum_i w_i \mathcal{L}_i, \qquad w_i = 2^{-i} / \sum_j 2^{-j}

    for level i with sides divided by :math:`2^i`. MONAI's loss of this name takes a tensor as target, and its weights
    have a sum above 1, which is a higher learning rate beside the same decay and bound of gradients.

    Reference:
        Isensee et al., "nnU-Net", Nature Methods 18, 2021, https://doi.org/10.1038/s41592-020-01008-z.

    Args:
        loss: Loss of one resolution, of logits and a :class:`PartialTarget`.
    """

    def __init__(self, loss: Callable[[Tensor, PartialTarget], Tensor]) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, logits: Tensor | Sequence[Tensor], target: PartialTarget) -> Tensor:
        """Return a scalar.

        Args:
            logits: Of each resolution, the full one first, as :class:`swinx.networks.DeepSupervision` gives them; a
                tensor alone is judged by the loss alone.
            target: Labels and class weights at full resolution.

        Raises:
            ValueError: If shapes do not fit together.
        """
        if isinstance(logits, Tensor):
            return self.loss(logits, target)
        weights = level_weights(len(logits))
        parts = [
            weight * self.loss(level, coarser_target(target, level.shape[2:]))
            for weight, level in zip(weights, logits, strict=True)
        ]
        return torch.stack(parts).sum()

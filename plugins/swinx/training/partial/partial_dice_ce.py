"""Dice and cross-entropy for labels that are complete only for some classes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from monai.data import MetaTensor
from monai.losses import DiceLoss
from torch import Tensor, nn
from torch.nn import functional

from swinx.labels import UNKNOWN
from swinx.training.partial.marginal import merge_unannotated_labels, merge_unannotated_logits

__all__ = ["PartialDiceCELoss", "PartialTarget"]


class PartialTarget(NamedTuple):
    """Label maps of a batch, with the weight of each class.

    Attributes:
        label: Class ids, ``(B, 1, D, H, W)``, any dtype; :data:`swinx.labels.UNKNOWN` (255) where the class is unknown.
        class_weights: ``(B, K)``: 0 for a class that is unannotated in the case, 1 for an annotated one, in
            between for one whose pseudo label counts less. Background is class 0.
    """

    label: Tensor
    class_weights: Tensor


class PartialDiceCELoss(nn.Module):
    r"""Sum of Dice and cross-entropy with unannotated classes as part of the background.

    Background and the classes that are not annotated in a case are one class there, with the sum of their
    probabilities. Predicting an unannotated class where the label says background therefore costs nothing. A voxel
    of a class that is not annotated counts as one of that joint class. Unknown voxels take part in
    neither term. With the weight :math:`w_{bk}` of class k in case b

    .. math:: \mathcal{L} = \lambda_{Dice} \frac{\sum_{bk} w_{bk}\,Dice_{bk}}{\sum_{bk} w_{bk}}
              + \lambda_{CE} \frac{\sum_v w_{b(v)y(v)}\,CE_v}{\sum_v w_{b(v)y(v)}}

    where :math:`Dice_{bk}` is MONAI's Dice loss, and a case of unknown voxels alone counts for nothing. Where all
    weights are 1 and no voxel is unknown, this is ``DiceCELoss(to_onehot_y=True, softmax=True)`` of MONAI.

    Everything is computed in single precision at least, also under autocast.

    Reference:
        The marginal loss of Shi et al. 2021, https://arxiv.org/abs/2007.03868.

    Args:
        include_background: Count the Dice of the background; cross-entropy always does.
        lambda_dice: Weight of the Dice term.
        lambda_ce: Weight of the cross-entropy.
        batch_dice: Take the Dice of each class over all patches of a step together, with the mean of its weights, so
            that a class that one patch lacks is judged by the others.

    Raises:
        ValueError: If a weight of a term is negative.
    """

    def __init__(
        self,
        include_background: bool = True,
        lambda_dice: float = 1.0,
        lambda_ce: float = 1.0,
        batch_dice: bool = False,
    ) -> None:
        super().__init__()
        if min(lambda_dice, lambda_ce) < 0:
            raise ValueError(f"lambda_dice {lambda_dice} and lambda_ce {lambda_ce} must not be negative")
        self.dice = DiceLoss(
            include_background, to_onehot_y=True, softmax=True, reduction="none", batch=batch_dice, ignore_index=UNKNOWN
        )
        self.batch_dice = batch_dice
        self.lambda_dice = lambda_dice
        self.lambda_ce = lambda_ce

    def forward(self, logits: Tensor, target: PartialTarget | Tensor) -> Tensor:
        """Return a scalar; zero, with zero gradient, if all voxels are unknown.

        Args:
            logits: Class scores before the softmax, ``(B, K, D, H, W)``, K at least 2.
            target: Labels and class weights; a label map alone is one with all classes annotated.

        Raises:
            ValueError: If shapes do not fit together. On a CPU also if a label is neither in 0..K - 1 nor unknown;
                on a GPU such an index ends the process with an assertion of CUDA.
        """
        scores = _plain(logits)
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        label, weights = target if isinstance(target, tuple) else (target, scores.new_ones(scores.shape[:2]))
        label, weights = _plain(label), _plain(weights).to(scores)
        _check(scores, label, weights)
        ids = merge_unannotated_labels(label.long(), weights)
        merged = merge_unannotated_logits(scores, weights)
        return self.lambda_dice * self._dice(merged, ids, weights) + self.lambda_ce * _cross_entropy(
            merged, ids, weights
        )

    def _dice(self, merged: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
        losses: Tensor = self.dice(merged, ids)
        known = weights * (ids != UNKNOWN).flatten(1).any(dim=1, keepdim=True)
        if self.batch_dice:
            losses, known = losses.flatten()[None], known.mean(dim=0, keepdim=True)
        losses = losses.flatten(1)
        return _weighted_mean(losses, known[:, -losses.shape[1] :])


def _cross_entropy(merged: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    losses = functional.cross_entropy(merged, ids[:, 0], ignore_index=UNKNOWN, reduction="none")
    known = ids != UNKNOWN
    of_voxel = weights.gather(1, torch.where(known, ids, 0).flatten(1)).view_as(ids) * known
    return _weighted_mean(losses, of_voxel[:, 0])


def _weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return the mean; 0 where all weights are 0."""
    return (values * weights).sum() / weights.sum().clamp(min=torch.finfo(weights.dtype).tiny)


def _plain(value: Tensor) -> Tensor:
    return value.as_tensor() if isinstance(value, MetaTensor) else value


def _check(logits: Tensor, label: Tensor, weights: Tensor) -> None:
    classes = logits.shape[1]
    if classes < 2 or label.shape != (len(logits), 1, *logits.shape[2:]) or weights.shape != logits.shape[:2]:
        raise ValueError(
            f"logits {tuple(logits.shape)} must be (B, K, ...) with two classes or more, label {tuple(label.shape)} "
            f"(B, 1, ...) and class weights {tuple(weights.shape)} (B, K)"
        )
    if label.device.type == "cpu":
        strange = label[(label != UNKNOWN) & ((label < 0) | (label >= classes))]
        if strange.numel():
            raise ValueError(f"labels outside 0..{classes - 1} that are not {UNKNOWN}: {sorted(set(strange.tolist()))}")

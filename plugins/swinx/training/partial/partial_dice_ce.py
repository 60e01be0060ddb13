"""Dice and cross-entropy for labels that are complete only for some classes, and their batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from monai.data import MetaTensor
from monai.losses import DiceLoss
from torch import Tensor, nn
from torch.nn import functional

from swinx.labels import UNKNOWN

__all__ = [
    "PartialDiceCELoss",
    "PartialTarget",
    "merge_unannotated_labels",
    "merge_unannotated_logits",
    "prepare_partial_batch",
]


def merge_unannotated_logits(logits: Tensor, class_weights: Tensor) -> Tensor:
    r"""Return logits in which the background's probability includes that of all unannotated classes.

    .. math:: z'_0 = \log \sum_{k \in \{0\} \cup U} e^{z_k}, \qquad z'_k = -\infty \text{ for } k \in U

    with the unannotated classes :math:`U` of the case; the logits of the others stay as they are. Where all classes
    are annotated the result equals ``logits``, bit by bit, and so does the gradient.

    The time goes with the number of classes that are unannotated in any case; to know them, a GPU is waited for.

    Reference:
        Shi et al., "Marginal loss and exclusion loss for partially supervised multi-organ segmentation", Medical
        Image Analysis 70 (2021), https://arxiv.org/abs/2007.03868.

    Args:
        logits: Logits, ``(B, K, ...)``.
        class_weights: ``(B, K)``; 0 marks an unannotated class. Background is never merged.

    Returns:
        A tensor of the same shape, dtype and device, minus infinity for unannotated classes; ``logits`` itself if
        there are none.

    Examples:
        >>> logits = torch.tensor([[0.1, 0.2, 0.7]]).log()
        >>> merge_unannotated_logits(logits, torch.tensor([[1.0, 0.0, 1.0]])).exp()
        tensor([[0.3000, 0.0000, 0.7000]])
    """
    unannotated = class_weights[:, 1:] == 0
    ids = 1 + unannotated.any(dim=0).nonzero().flatten()
    if not len(ids):
        return logits
    spread = (len(logits), -1, *[1] * (logits.ndim - 2))
    pooled = logits[:, ids].masked_fill(~unannotated[:, ids - 1].view(spread), -torch.inf)
    background = torch.cat([logits[:, :1], pooled], dim=1).logsumexp(dim=1, keepdim=True)
    return torch.cat([background, logits[:, 1:].masked_fill(unannotated.view(spread), -torch.inf)], dim=1)


def merge_unannotated_labels(label: Tensor, class_weights: Tensor) -> Tensor:
    """Return label maps in which voxels of unannotated classes are background.

    Voxels of an unannotated class may be labelled all the same. What is left of it lies in the background, so a
    voxel of it says no more than that it is background or unannotated.

    Args:
        label: Class ids, integer, ``(B, 1, ...)``; :data:`swinx.labels.UNKNOWN` stays.
        class_weights: ``(B, K)``; 0 marks an unannotated class.

    Returns:
        A new tensor with the shape, dtype and device of ``label``.

    Examples:
        >>> label = torch.tensor([[[0, 1, 2, 255]]])
        >>> merge_unannotated_labels(label, torch.tensor([[1.0, 0.0, 1.0]])).tolist()
        [[[0, 0, 2, 255]]]
    """
    known = label != UNKNOWN
    ids = torch.where(known, label, 0).long()
    weights = class_weights.gather(1, ids.flatten(1)).view_as(ids)
    return torch.where(known & (weights == 0), 0, label)


class PartialTarget(NamedTuple):
    """Label maps of a batch, with the weight of each class.

    Attributes:
        label: Class ids, ``(B, 1, D, H, W)``, any dtype; :data:`swinx.labels.UNKNOWN` (255) where the class is unknown.
        class_weights: ``(B, K)``: 0 for a class that is unannotated in the case, 1 for an annotated one, in
            between for one whose pseudo label counts less. Background is class 0.
    """

    label: Tensor
    class_weights: Tensor


def prepare_partial_batch(
    batch: Mapping[str, Any], device: torch.device | str | None = None, non_blocking: bool = False, **kwargs: Any
) -> tuple[Tensor, PartialTarget]:
    """Return image and target of a batch, for ``prepare_batch`` of MONAI's ``SupervisedTrainer``.

    Args:
        batch: ``image`` ``(B, C, D, H, W)``, ``label`` ``(B, 1, D, H, W)`` and ``class_weights`` ``(B, K)``.
        device: Where to put them.
        non_blocking: Copy asynchronously if possible.
        kwargs: More arguments of ``Tensor.to`` for image and label.

    Returns:
        The image, and the target of :class:`swinx.training.PartialDiceCELoss`.

    Raises:
        KeyError: If one of the three is missing; the message says which transform makes the weights.
    """
    missing = [key for key in ("image", "label", "class_weights") if key not in batch]
    if missing:
        raise KeyError(f"{', '.join(missing)} missing from the batch; AnnotatedClassesd makes class_weights")
    image, label = (batch[key].to(device=device, non_blocking=non_blocking, **kwargs) for key in ("image", "label"))
    return image, PartialTarget(label, batch["class_weights"].to(device=device, non_blocking=non_blocking))


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
        cross_entropy_weight: Factor of each class, background first, in the cross-entropy alone, as ``weight`` of
            ``torch.nn.CrossEntropyLoss``; more for small organs lets a short training find them.

    Raises:
        ValueError: If a weight is negative.
    """

    def __init__(
        self,
        include_background: bool = True,
        lambda_dice: float = 1.0,
        lambda_ce: float = 1.0,
        batch_dice: bool = False,
        cross_entropy_weight: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if min(lambda_dice, lambda_ce) < 0:
            raise ValueError(f"lambda_dice {lambda_dice} and lambda_ce {lambda_ce} must not be negative")
        if min(cross_entropy_weight or [0]) < 0:
            raise ValueError(f"cross_entropy_weight {list(cross_entropy_weight or [])} must not be negative")
        self.dice = DiceLoss(
            include_background, to_onehot_y=True, softmax=True, reduction="none", batch=batch_dice, ignore_index=UNKNOWN
        )
        self.batch_dice = batch_dice
        self.lambda_dice = lambda_dice
        self.lambda_ce = lambda_ce
        self.class_weight = None if cross_entropy_weight is None else torch.tensor(cross_entropy_weight).float()

    def forward(self, logits: Tensor, target: PartialTarget | Tensor) -> Tensor:
        """Return a scalar; zero, with zero gradient, if all voxels are unknown.

        Args:
            logits: Logits, ``(B, K, D, H, W)``, K at least 2.
            target: Labels and class weights; a label map alone is one with all classes annotated.

        Raises:
            ValueError: If shapes do not fit together. On a CPU also if a label is neither in 0..K - 1 nor unknown;
                on a GPU such an index ends the process with an assertion of CUDA.
        """
        logits = _plain(logits)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        label, weights = target if isinstance(target, tuple) else (target, logits.new_ones(logits.shape[:2]))
        label, weights = _plain(label), _plain(weights).to(logits)
        _check(logits, label, weights)
        ids = merge_unannotated_labels(label.long(), weights)
        merged = merge_unannotated_logits(logits, weights)
        dice = self._dice(merged, ids, weights)
        if self.class_weight is not None:
            if len(self.class_weight) != logits.shape[1]:
                raise ValueError(f"{len(self.class_weight)} cross_entropy_weight for {logits.shape[1]} classes")
            weights = weights * self.class_weight.to(weights)
        return self.lambda_dice * dice + self.lambda_ce * _cross_entropy(merged, ids, weights)

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

"""Merging of a case's unannotated classes into its background."""

from __future__ import annotations

import torch
from torch import Tensor

from swinx.labels import UNKNOWN

__all__ = ["merge_unannotated_labels", "merge_unannotated_logits"]


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
        logits: Class scores before the softmax, ``(B, K, ...)``.
        class_weights: ``(B, K)``; 0 marks an unannotated class. Background is never merged.

    Returns:
        A tensor of the same shape, dtype and device, minus infinity for unannotated classes; ``logits`` itself if
        there are none.

    Examples:
        >>> logits = torch.tensor([[0.1, 0.2, 0.7]]).log()
        >>> merge_unannotated_logits(logits, torch.tensor([[1.0, 0.0, 1.0]])).exp()
        tensor([[0.3000, 0.0000, 0.7000]])
    """
    hidden = class_weights[:, 1:] == 0
    ids = 1 + hidden.any(dim=0).nonzero().flatten()
    if not len(ids):
        return logits
    spread = (len(logits), -1, *[1] * (logits.ndim - 2))
    pooled = logits[:, ids].masked_fill(~hidden[:, ids - 1].view(spread), -torch.inf)
    background = torch.cat([logits[:, :1], pooled], dim=1).logsumexp(dim=1, keepdim=True)
    return torch.cat([background, logits[:, 1:].masked_fill(hidden.view(spread), -torch.inf)], dim=1)


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

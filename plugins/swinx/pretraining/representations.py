"""Measures of representations: entropies, agreement, rank and spread."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["agreement", "effective_rank", "entropy_of_mean", "mean_entropy", "relative_spread"]

_EPSILON = 1e-7
"""Added to each share of the singular values, as in RankMe."""


def entropy_of_mean(probabilities: Tensor) -> float:
    """Return the entropy of the mean of some distributions, in nats.

    It is 0 if all of them put their mass on the same prototype, and ``log(K)`` if together they use all prototypes
    equally. It exceeds :func:`mean_entropy` by the mutual information of row and prototype, at most ``log(N)``.

    Args:
        probabilities: One distribution per row, ``(N, K)``.

    Returns:
        The entropy in [0, log K]; nan without rows, or if there is a nan.

    Raises:
        ValueError: If the shape is not ``(N, K)``.

    Reference:
        The two kinds of collapse that it and :func:`mean_entropy` distinguish: DINO, https://arxiv.org/abs/2104.14294,
        section 5.3.

    Examples:
        >>> round(entropy_of_mean(torch.eye(4)), 4) == round(math.log(4), 4)
        True
    """
    _check("probabilities", probabilities)
    mean = _wide(probabilities).mean(dim=0, dtype=torch.float64)
    return float(torch.special.entr(mean).sum())


def mean_entropy(probabilities: Tensor) -> float:
    """Return the mean of the entropies of some distributions, in nats.

    It is 0 if each puts its mass on one prototype, whichever, and ``log(K)`` if all are uniform.

    Args:
        probabilities: One distribution per row, ``(N, K)``.

    Returns:
        The mean in [0, log K]; nan without rows, or if there is a nan.

    Raises:
        ValueError: If the shape is not ``(N, K)``.

    Examples:
        >>> mean_entropy(torch.eye(4))
        0.0
    """
    _check("probabilities", probabilities)
    return float(torch.special.entr(_wide(probabilities)).sum(dim=1, dtype=torch.float64).mean())


def agreement(student_logits: Tensor, teacher_logits: Tensor) -> float:
    """Return the share of tokens for which student and teacher prefer the same prototype.

    Args:
        student_logits: ``(N, K)``.
        teacher_logits: Same shape, the same tokens in the same order.

    Returns:
        The share in [0, 1]; nan without rows, or if there is a nan.

    Raises:
        ValueError: If the shapes differ or are not ``(N, K)``.

    Examples:
        >>> agreement(torch.eye(4), torch.eye(4).flip(0))
        0.0
    """
    _check("student_logits", student_logits)
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(f"student {tuple(student_logits.shape)} and teacher {tuple(teacher_logits.shape)} differ")
    if student_logits.isnan().any() or teacher_logits.isnan().any():
        return math.nan
    return float((student_logits.argmax(dim=1) == teacher_logits.argmax(dim=1)).double().mean())


def effective_rank(features: Tensor, centred: bool = False) -> float:
    """Return the effective number of directions of the rows of a matrix: RankMe.

    The exponential of the entropy of the singular values' shares. If a common mean dominates, as in tokens that come
    from a LayerNorm, one singular value dominates too, and the rank is little above 1 however much the rows
    differ; without the mean, the rank is that of the differences.

    Args:
        features: One token per row, ``(N, C)``.
        centred: Subtract the mean of the rows first.

    Returns:
        The rank, from 1 (of identical rows, too) to ``min(N, C)``; nan without rows, of a single row if it is to be
        centred, or if a value is not finite.

    Raises:
        ValueError: If the shape is not ``(N, C)``.

    Note:
        Singular values within the rounding of the given rows count as 0. Otherwise the rank of rows that differ by
        rounding alone would be high.

    Reference:
        Garrido et al., "RankMe", ICML 2023, https://arxiv.org/abs/2210.02885, eq. 1, which does not centre.

    Examples:
        >>> round(effective_rank(torch.eye(4)), 3), round(effective_rank(torch.ones(4, 4)), 3)
        (4.0, 1.0)
    """
    _check("features", features)
    rows = features.detach().double()
    if len(rows) < (2 if centred else 1) or not rows.isfinite().all():
        return math.nan
    rounding = _rounding(features) * float(torch.linalg.vector_norm(rows))
    values = torch.linalg.svdvals(rows - rows.mean(dim=0) if centred else rows)
    values = values.where(values > rounding, 0.0)
    total = float(values.sum())
    if total == 0:
        return 1.0
    shares = values / total + _EPSILON
    return float(torch.special.entr(shares).sum().exp())


def relative_spread(features: Tensor) -> float:
    """Return the spread of the rows of a matrix, relative to their mean.

    The root mean squared distance of the rows from their mean, over the norm of that mean: 0 if all are the same.

    Args:
        features: One token per row, ``(N, C)``.

    Returns:
        The spread, from 0 up, infinite if rows that differ have the mean 0; nan of fewer than two rows, if all are 0,
        or if a value is not finite.

    Raises:
        ValueError: If the shape is not ``(N, C)``.

    Examples:
        >>> relative_spread(torch.tensor([[3.0, 1.0], [3.0, -1.0]]))
        0.3333333333333333
    """
    _check("features", features)
    rows = features.detach().double()
    if len(rows) < 2 or not rows.isfinite().all():
        return math.nan
    mean = rows.mean(dim=0)
    spread = (rows - mean).square().sum(dim=1).mean().sqrt()
    return float(spread / torch.linalg.vector_norm(mean))


def _check(name: str, rows: Tensor) -> None:
    if rows.ndim != 2:
        raise ValueError(f"{name} {tuple(rows.shape)} must have two dimensions, one row per token")


def _wide(probabilities: Tensor) -> Tensor:
    return probabilities.detach().to(torch.promote_types(probabilities.dtype, torch.float32))


def _rounding(features: Tensor) -> float:
    kind = features.dtype if features.dtype.is_floating_point else torch.float64
    return torch.finfo(kind).eps

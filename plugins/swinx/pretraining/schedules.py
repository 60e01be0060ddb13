"""How momentum and temperature move during a self-distillation."""

from __future__ import annotations

import math

__all__ = ["cosine_momentum", "linear_ramp"]


def cosine_momentum(iteration: int, total: int, start: float = 0.996, end: float = 1.0) -> float:
    """Return the teacher's momentum, from ``start`` to ``end`` on half a cosine.

    Args:
        iteration: Steps taken before this one, counted over the whole run and not within the epoch.
        total: Steps of the whole run.
        start: Value at the first step.
        end: Value that the last step almost reaches.

    Raises:
        ValueError: If ``iteration`` is not in ``0..total - 1``.

    Reference:
        BYOL, https://arxiv.org/abs/2006.07733, section 3.2; iBOT, https://arxiv.org/abs/2111.07832.

    Examples:
        >>> [round(cosine_momentum(i, 4), 4) for i in range(4)]
        [0.996, 0.9966, 0.998, 0.9994]
    """
    if not 0 <= iteration < total:
        raise ValueError(f"iteration {iteration} is not one of the {total} of the run")
    return end - (end - start) * (1 + math.cos(math.pi * iteration / total)) / 2


def linear_ramp(epoch: int, start: float, end: float, first: int, length: int) -> float:
    """Return ``start`` before epoch ``first``, then ``length`` equal steps from ``start`` to ``end``, then ``end``.

    Args:
        epoch: Epoch, from 0.
        start: Value at the beginning.
        end: Value from epoch ``first + length - 1`` on.
        first: Epoch of the first step, which still has the value ``start``.
        length: Epochs from ``start`` to ``end``, both included; with 0 or 1, ``end`` begins at ``first``.

    Raises:
        ValueError: If ``epoch``, ``first`` or ``length`` is negative.

    Examples:
        >>> [round(linear_ramp(epoch, 0.04, 0.07, first=1, length=4), 3) for epoch in range(7)]
        [0.04, 0.04, 0.05, 0.06, 0.07, 0.07, 0.07]
    """
    if min(epoch, first, length) < 0:
        raise ValueError(f"epoch {epoch}, first {first} and length {length} must not be negative")
    if epoch < first:
        return start
    if epoch - first >= length - 1:
        return end
    return start + (end - start) * (epoch - first) / (length - 1)

"""Schedules of the teacher: the momentum of its weights and its temperatures, as pure functions of the step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["MomentumSchedule", "TemperatureSchedule", "Temperatures", "linear_ramp"]

_TURNOVERS = 12
"""Steps times (1 - momentum at the start); the cosine halves this to 6, and exp(-6) is 0.25 %."""


class Temperatures(NamedTuple):
    """Temperatures of the teacher in an epoch."""

    patch: float = 0.04
    image: float = 0.04


@dataclass(frozen=True)
class MomentumSchedule:
    """Momentum of the teacher's moving average, on half a cosine over the run.

    It begins at ``start``, or in a short run at ``1 - 12 / steps``, so that a run of any length leaves at most 0.3 % of
    the teacher's random first weights in it; from 3,000 steps on this is the paper's 0.996. With 0.996 in a run of 100
    steps the teacher would be 80 % random weights at its end.

    Args:
        start: Highest momentum of the first step.
        end: Momentum that the last step almost reaches.

    Raises:
        ValueError: If a momentum is not in [0, 1].

    Reference:
        BYOL, https://arxiv.org/abs/2006.07733, section 3.2; iBOT, https://arxiv.org/abs/2111.07832.
    """

    start: float = 0.996
    end: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.start <= 1 and 0 <= self.end <= 1):
            raise ValueError(f"the teacher's momentum must be in [0, 1], not {self.start} to {self.end}")

    def at(self, step: int, steps: int) -> float:
        """Return the momentum of a step, counted from 0, in a run of ``steps``.

        Raises:
            ValueError: If the run has no such step.

        Examples:
            >>> [round(MomentumSchedule().at(step, 4000), 4) for step in (0, 1000, 2000, 3000)]
            [0.996, 0.9966, 0.998, 0.9994]
            >>> [round(MomentumSchedule().at(step, 120), 4) for step in (0, 60)]
            [0.9, 0.95]
        """
        if not 0 <= step < steps:
            raise ValueError(f"iteration {step} is not one of the {steps} of the run")
        start = min(self.start, max(0.0, 1 - _TURNOVERS / steps))
        return self.end - (self.end - start) * (1 + math.cos(math.pi * step / steps)) / 2


@dataclass(frozen=True)
class TemperatureSchedule:
    """Temperatures of the teacher: constant, then a linear ramp over epochs, then constant.

    Args:
        start: Temperature before the ramp.
        end: Temperature after the ramp.
        ramp_epochs: Epochs of the ramp, both ends included.
        patch_delay_epochs: Epochs before the ramp of the patch tokens.
        image_delay_epochs: Epochs before the ramp of the image tokens.

    Raises:
        ValueError: If a temperature is not positive or a number of epochs is negative.

    Reference:
        iBOT, https://arxiv.org/abs/2111.07832, appendix on temperatures; SMIT, https://arxiv.org/abs/2205.10342.
    """

    start: float = 0.04
    end: float = 0.07
    ramp_epochs: int = 30
    patch_delay_epochs: int = 30
    image_delay_epochs: int = 0

    def __post_init__(self) -> None:
        epochs = (self.ramp_epochs, self.patch_delay_epochs, self.image_delay_epochs)
        if min(self.start, self.end) <= 0 or min(epochs) < 0:
            raise ValueError(
                f"temperatures {self.start}, {self.end} must be positive, and epochs "
                f"{', '.join(map(str, epochs))} not negative"
            )

    def at(self, epoch: int) -> Temperatures:
        """Return the temperatures of an epoch, counted from 0, see :func:`linear_ramp`."""
        return Temperatures(
            patch=linear_ramp(epoch, self.start, self.end, self.patch_delay_epochs, self.ramp_epochs),
            image=linear_ramp(epoch, self.start, self.end, self.image_delay_epochs, self.ramp_epochs),
        )


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

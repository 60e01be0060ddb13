"""Cost of a case, its limits, and the settings to try in turn until the limits are kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch

from swinx.geometry import labels_between
from swinx.inference.windows.slab_logits import CHUNK_BYTES, LabelGrid, longest_axis, reach_of
from swinx.inference.windows.window_settings import WindowSettings

__all__ = ["Limits", "ResamplingCost", "WindowCost", "cheaper_settings", "choose_settings"]


_OVERLAPS = (0.4, 0.25, 0.1, 0.0)


@dataclass(frozen=True)
class WindowCost:
    """Windows, seconds and peak memory in MiB of a whole case; that of the GPU is None without one."""

    windows: int
    seconds: float
    ram_mb: float
    gpu_mb: float | None = None

    def __str__(self) -> str:
        gpu = "" if self.gpu_mb is None else f", {self.gpu_mb:.0f} MB of the GPU"
        return f"{self.windows} windows, {_short(self.seconds)} s, {self.ram_mb:.0f} MB of RAM{gpu}"


@dataclass(frozen=True)
class Limits:
    """Upper limits of the cost of a case; None is no limit.

    Raises:
        ValueError: If a limit is not a number above 0.
    """

    max_gpu_mb: float | None = None
    max_ram_mb: float | None = None
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (is_number and value > 0):
                raise ValueError(f"{name} must be a number above 0, or null for no limit, not {value!r}")

    def __bool__(self) -> bool:
        return any(value is not None for value in vars(self).values())

    def exceeded(self, cost: WindowCost) -> list[str]:
        """Return each limit that a cost is over, in words."""
        return [
            f"{name} {limit:g} (needs about {_short(value)})"
            for name, limit, value in self._pairs(cost)
            if value > limit
        ]

    def excess(self, cost: WindowCost) -> tuple[float, float]:
        """Return how far a cost is over the limit that it is over most, as a ratio, and its seconds: for comparison."""
        return max((value / limit for _, limit, value in self._pairs(cost)), default=0.0), cost.seconds

    def _pairs(self, cost: WindowCost) -> list[tuple[str, float, float]]:
        """Return name, limit and cost of all that is limited."""
        costs = {"max_gpu_mb": cost.gpu_mb, "max_ram_mb": cost.ram_mb, "max_seconds": cost.seconds}
        limits = [(name, getattr(self, name), value) for name, value in costs.items()]
        return [(name, limit, value) for name, limit, value in limits if limit is not None and value is not None]


def _short(value: float) -> str:
    """Return a cost in words: whole numbers, but for small ones, of which two digits are told."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def cheaper_settings(wanted: WindowSettings, skips_margins: bool) -> list[WindowSettings]:
    """Return settings and all cheaper ones, in the order in which they are to be tried: the least change first.

    Single windows and logits in half precision change next to nothing; margins are cut before windows overlap less.

    Args:
        wanted: The settings as they were asked for.
        skips_margins: Whether a margin saves time.
    """
    memory = [(wanted.sw_batch_size, wanted.half_logits), (1, wanted.half_logits), (1, True)]
    tilings = [(wanted.overlap, wanted.margin)]
    for overlap in (wanted.overlap, *(value for value in _OVERLAPS if value < wanted.overlap)):
        tilings.append((overlap, overlap / 2 if skips_margins else min(wanted.margin, overlap / 2)))
    found = [
        replace(wanted, overlap=overlap, margin=margin, sw_batch_size=batch, half_logits=half)
        for (overlap, margin), (batch, half) in product(tilings, memory)
    ]
    return list(dict.fromkeys(found))


def choose_settings(
    costs: Sequence[tuple[WindowSettings, WindowCost]], limits: Limits
) -> tuple[WindowSettings, WindowCost] | None:
    """Return the first settings within the limits with their cost, or None."""
    return next(((settings, cost) for settings, cost in costs if not limits.exceeded(cost)), None)


class ResamplingCost:
    """Time and memory that :class:`swinx.inference.windows.slab_logits.SlabLogits` needs for complete logits.

    Args:
        grid: Grid of the labels.
        size: Size of the volume, with padding.
        inner: Place of the image in it.
        device: Device of the logits.
    """

    def __init__(
        self, grid: LabelGrid, size: Sequence[int], inner: Sequence[slice], device: torch.device | str = "cpu"
    ) -> None:
        self.size = tuple(size)
        self.device = torch.device(device)
        self.axis = longest_axis(size)
        _, self.positions = reach_of(grid, inner)

    def seconds(self, classes: int, channels: int) -> float:
        """Measure the labels of one plane, and return the seconds that all planes take.

        Args:
            classes: Number of classes.
            channels: Number of classes that are interpolated at a time, at most.
        """
        at_a_time = min(classes, channels)
        sides = [2 if axis == self.axis else side for axis, side in enumerate(self.size)]
        between = [np.array([0.5]) if axis == self.axis else p for axis, p in enumerate(self.positions)]
        if not all(len(along) for along in between):
            return 0.0
        taken = []
        for _ in range(2):
            logits = torch.rand((at_a_time, *sides), device=self.device)
            started = time.perf_counter()
            labels_between([torch.softmax(logits, dim=0)], between).cpu()
            taken.append(time.perf_counter() - started)
        return min(taken) * len(self.positions[self.axis]) * classes / at_a_time

    def mib(self, channels: int) -> float:
        """Return the memory in MiB: some planes of some classes, and intermediate copies."""
        widest = [
            max(len(p), n)
            for axis, (p, n) in enumerate(zip(self.positions, self.size, strict=True))
            if axis != self.axis
        ]
        return 4 * max(CHUNK_BYTES, 2 * 4 * channels * int(np.prod(widest))) / 2**20

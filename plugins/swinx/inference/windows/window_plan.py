"""What sliding windows will cost, and which of several ways to lay them keeps to a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

__all__ = ["SECONDS_BEFORE", "Limits", "WindowCost", "WindowPlan", "cheaper_plans", "choose_plan"]

SECONDS_BEFORE = "seconds_before"
"""Key in the metadata of an image: how long it took to load and prepare it."""

_OVERLAPS = (0.4, 0.25, 0.1, 0.0)


@dataclass(frozen=True)
class WindowPlan:
    """How windows are laid; see :func:`swinx.inference.sliding_window_labels`."""

    overlap: float
    margin: float
    sw_batch_size: int
    half_scores: bool

    def __str__(self) -> str:
        scores = f"scores in {'half' if self.half_scores else 'single'} precision"
        return f"overlap {self.overlap:g}, margin {self.margin:g}, {self.sw_batch_size} windows at once, {scores}"


@dataclass(frozen=True)
class WindowCost:
    """What a case costs with a plan: time in seconds, whole, and peaks of memory in MiB; the GPU's is None without."""

    windows: int
    seconds: float
    ram_mb: float
    gpu_mb: float | None = None

    def __str__(self) -> str:
        gpu = "" if self.gpu_mb is None else f", {self.gpu_mb:.0f} MB of the GPU"
        return f"{self.windows} windows, {self.seconds:.0f} s, {self.ram_mb:.0f} MB of RAM{gpu}"


@dataclass(frozen=True)
class Limits:
    """What a case may cost at most; None is no limit.

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
            f"{name} {limit:g} (needs about {value:.0f})" for name, limit, value in self._pairs(cost) if value > limit
        ]

    def excess(self, cost: WindowCost) -> tuple[float, float]:
        """Return how far a cost is over the limit that it is over most, as a ratio, and its seconds: for comparison."""
        return max((value / limit for _, limit, value in self._pairs(cost)), default=0.0), cost.seconds

    def _pairs(self, cost: WindowCost) -> list[tuple[str, float, float]]:
        """Return name, limit and cost of all that is limited."""
        costs = {"max_gpu_mb": cost.gpu_mb, "max_ram_mb": cost.ram_mb, "max_seconds": cost.seconds}
        limits = [(name, getattr(self, name), value) for name, value in costs.items()]
        return [(name, limit, value) for name, limit, value in limits if limit is not None and value is not None]


def cheaper_plans(plan: WindowPlan, skips_margins: bool) -> list[WindowPlan]:
    """Return a plan and all that cost less, in the order in which they are to be tried: the least change first.

    Single windows and scores in half precision change next to nothing; margins are cut before windows overlap less.

    Args:
        plan: What is wanted.
        skips_margins: Whether a margin saves time.
    """
    memory = [(plan.sw_batch_size, plan.half_scores), (1, plan.half_scores), (1, True)]
    lays = [(plan.overlap, plan.margin)]
    for overlap in (plan.overlap, *(value for value in _OVERLAPS if value < plan.overlap)):
        lays.append((overlap, overlap / 2 if skips_margins else min(plan.margin, overlap / 2)))
    plans = [WindowPlan(overlap, margin, batch, half) for (overlap, margin), (batch, half) in product(lays, memory)]
    return list(dict.fromkeys(plans))


def choose_plan(costs: Sequence[tuple[WindowPlan, WindowCost]], limits: Limits) -> tuple[WindowPlan, WindowCost] | None:
    """Return the first plan within the limits with its cost, or None."""
    return next(((plan, cost) for plan, cost in costs if not limits.exceeded(cost)), None)

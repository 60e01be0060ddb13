"""Limits of time and memory of a case: what is about to be spent is measured, said and chosen before it is."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from torch import Tensor

from swinx.errors import CaseError
from swinx.inference.backends.part_scores import PartScores, SplitScores
from swinx.inference.windows.measured_windows import MeasuredWindows, largest_part, measure_windows, predict_cost
from swinx.inference.windows.out_of_memory import is_out_of_memory
from swinx.inference.windows.restoring_cost import RestoringCost
from swinx.inference.windows.window_layout import Window, lay_windows
from swinx.inference.windows.window_plan import Limits, WindowCost, WindowPlan, cheaper_plans, choose_plan

__all__ = ["BudgetedPlan", "Pace", "WindowBudget"]

_logger = logging.getLogger(__name__)

_FEWEST_WINDOWS = 3
"""That a pace is told from."""
_FINISH_SECONDS_PER_VOXEL = 2e-8
"""To bring labels to the grid of the scan and to save them, on a slow machine."""


class Pace:
    """Whether the windows of a case come as fast as it was thought.

    Args:
        seconds: What they may take, from now on; None for any time.
        margin: The widest margin, which may be taken for the rest if they do not.
        measured: What windows take, since those at a border take more; by default all take the same.
    """

    def __init__(self, seconds: float | None, margin: float, measured: MeasuredWindows | None = None) -> None:
        self.seconds = seconds
        self.margin = margin
        self.measured = measured
        self.started = time.perf_counter()

    def shares(self, windows: Sequence[Window]) -> list[float]:
        """Return the share of the work of all windows that is done after each of them."""
        work = [1.0 if self.measured is None else self.measured.work(window.part) for window in windows]
        total = sum(work)
        return [done / total for done in accumulate(work)]

    def is_late(self, done: int, share: float) -> bool:
        """Return whether all windows would take longer than they may, at the pace of those that are done.

        Args:
            done: Their number.
            share: What they are of all work, above 0.
        """
        if self.seconds is None or done < _FEWEST_WINDOWS:
            return False
        return (time.perf_counter() - self.started) / share > self.seconds

    def tell_if_late(self, name: str) -> None:
        """Write to the log that the windows of a case took longer than they might, if they did."""
        taken = time.perf_counter() - self.started
        if self.seconds is not None and taken > self.seconds:
            _logger.warning("%s: over the budget: max_seconds left %.1f s, %.1f were taken", name, self.seconds, taken)


class BudgetedPlan(NamedTuple):
    """How to lay the windows of a case, how fast they must come, and what it will cost; None if nothing is limited."""

    plan: WindowPlan
    pace: Pace
    cost: WindowCost | None = None


class WindowBudget:
    """Lay windows so that a case keeps to limits.

    Before the windows of a case, one is run and measured, with the largest part that would be used and with the least,
    twice each, and time and memory of the whole case predicted: for the settings as they are, then for cheaper ones
    (:func:`swinx.inference.windows.window_plan.cheaper_plans`). The first that keeps to all limits is taken and logged.

    Args:
        max_gpu_mb: MiB of the device that may be in use, contexts and other processes included, as ``nvidia-smi`` shows
            them.
        max_ram_mb: MiB of resident memory of this process.
        max_seconds: From the reading of the scan to the written labels.

    Raises:
        ValueError: If a limit is not a number above 0.
    """

    def __init__(
        self, max_gpu_mb: float | None = None, max_ram_mb: float | None = None, max_seconds: float | None = None
    ) -> None:
        self.limits = Limits(max_gpu_mb, max_ram_mb, max_seconds)
        self._told_of_gpu = False

    def plan(
        self,
        image: Tensor,
        scores: PartScores,
        roi: Sequence[int],
        wanted: WindowPlan,
        empty_below: float | None,
        seconds_before: float = 0.0,
        scan_voxels: int = 0,
        name: str = "the scan",
        restoring: RestoringCost | None = None,
    ) -> BudgetedPlan:
        """Return how to lay the windows of a case.

        Args:
            image: Padded volume ``(1, C, X, Y, Z)`` on the device of the network.
            scores: Runs the network.
            roi: Sides of the windows.
            wanted: The settings as they are.
            empty_below: See :func:`swinx.inference.sliding_window_labels`.
            seconds_before: What the case took until now.
            scan_voxels: Voxels of the scan that the labels go back to.
            name: The case, for messages.
            restoring: What it costs to interpolate probabilities to the grid of the scan, if that is done.

        Raises:
            CaseError: If no plan keeps to the limits; the message tells what the cheapest would need.
        """
        if not self._limits_anything(image.device.type == "cuda"):
            return BudgetedPlan(wanted, Pace(None, 0))
        started = time.perf_counter()
        windows = lay_windows(image, roi, wanted.overlap, wanted.margin, empty_below)
        measured = _measure(image, scores, roi, windows, name)
        finish = scan_voxels * _FINISH_SECONDS_PER_VOXEL
        if restoring is not None:
            classes = measured.channels if scores.readout is None else len(scores.readout.bias)
            finish += restoring.seconds(classes, measured.channels)
        costs = []
        for plan in cheaper_plans(wanted, isinstance(scores, SplitScores)):
            windows = lay_windows(image, roi, plan.overlap, plan.margin, empty_below)
            other = seconds_before + time.perf_counter() - started + finish
            cost = predict_cost(measured, plan, windows, image, other, scan_voxels, restoring)
            costs.append((plan, cost))
            if not self.limits.exceeded(cost):
                break
        chosen = choose_plan(costs, self.limits)
        if chosen is None:
            plan, cost = min(costs, key=lambda pair: self.limits.excess(pair[1]))
            hint = ", --restore_scores False" if restoring else ""
            raise CaseError(
                name,
                f"over the budget: {'; '.join(self.limits.exceeded(cost))}, even with {plan}: {cost}. Raise the limit, "
                f"or take a coarser --pixdim{hint} or a smaller network",
            )
        plan, cost = chosen
        _logger.info("%s: %s predicted with %s", name, cost, plan)
        if plan != wanted:
            over = "; ".join(self.limits.exceeded(costs[0][1]))
            _logger.warning("%s: set aside %s, which is over %s", name, wanted, over)
        allowed = None
        if self.limits.max_seconds is not None:
            allowed = self.limits.max_seconds - seconds_before - (time.perf_counter() - started) - finish
        widest = plan.overlap / 2 if isinstance(scores, SplitScores) else plan.margin
        return BudgetedPlan(plan, Pace(allowed, widest, measured), cost)

    def _limits_anything(self, on_gpu: bool) -> bool:
        if on_gpu or self.limits.max_gpu_mb is None:
            return bool(self.limits)
        if not self._told_of_gpu:
            self._told_of_gpu = True
            _logger.info("the network does not run on a GPU: max_gpu_mb %g is not looked at", self.limits.max_gpu_mb)
        return self.limits != Limits(max_gpu_mb=self.limits.max_gpu_mb)


def _measure(
    image: Tensor, scores: PartScores, roi: Sequence[int], windows: Sequence[Window], name: str
) -> MeasuredWindows:
    try:
        return measure_windows(image, scores, roi, largest_part(windows, image.shape[2:], roi))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise CaseError(name, f"memory ran out within a single window: {error}; take a smaller network") from error

"""Limits of time and memory of a case: what is about to be spent is measured, said and chosen before it is."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple

import psutil
import torch
from torch import Tensor

from swinx.errors import CaseError
from swinx.inferers.slab_scores import most_slab_voxels
from swinx.inferers.window_layout import Window, lay_windows
from swinx.networks import PartScores, SplitScores
from swinx.ops.score_boxes import most_open_voxels
from swinx.ops.window_budget import Limits, WindowCost, WindowPlan, cheaper_plans, choose_plan
from swinx.ops.window_parts import WindowPart, window_part
from swinx.resources import ResourceMonitor

__all__ = ["BudgetedPlan", "Pace", "WindowBudget"]

_logger = logging.getLogger(__name__)

_MIB = 2**20
_SAFETY = 1.15
_FEWEST_WINDOWS = 3
"""That a pace is told from."""
_FINISH_SECONDS_PER_VOXEL = 5e-8
"""To restore and to save labels, on a slow machine."""
_RESTORE_SECONDS_PER_SCORE = 3e-8
"""To interpolate class probabilities, for each class and voxel of the scan, on a slow machine."""


class Pace:
    """Whether the windows of a case come as fast as it was thought.

    Args:
        seconds: What they may take, from now on; None for any time.
        margin: The widest margin, which may be taken for the rest if they do not.
    """

    def __init__(self, seconds: float | None, margin: float) -> None:
        self.seconds = seconds
        self.margin = margin
        self.started = time.perf_counter()

    def is_late(self, done: int, total: int) -> bool:
        """Return whether all windows would take longer than they may, at the pace of those that are done."""
        if self.seconds is None or done < _FEWEST_WINDOWS:
            return False
        return (time.perf_counter() - self.started) / done * total > self.seconds

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

    Before the windows of a case, one is run and measured, whole and with a margin, twice each, and time and memory of
    the whole case predicted: for the settings as they are, then for cheaper ones
    (:func:`swinx.ops.window_budget.cheaper_plans`). The first that keeps to all limits is taken, and said in the log.

    Args:
        max_gpu_mb: MiB of the device that this process may take, its context included.
        max_ram_mb: MiB of resident memory of this process.
        max_seconds: From the reading of the scan to the written labels.

    Raises:
        ValueError: If a limit is not a number above 0.
    """

    def __init__(
        self, max_gpu_mb: float | None = None, max_ram_mb: float | None = None, max_seconds: float | None = None
    ) -> None:
        self.limits = Limits(max_gpu_mb, max_ram_mb, max_seconds)

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
        restores_scores: bool = False,
    ) -> BudgetedPlan:
        """Return how to lay the windows of a case.

        Args:
            image: Padded volume ``(1, C, X, Y, Z)`` on the device of the network.
            scores: Runs the network.
            roi: Sides of the windows.
            wanted: The settings as they are.
            empty_below: See :func:`swinx.inferers.sliding_window_labels`.
            seconds_before: What the case took until now.
            scan_voxels: Voxels of the scan that the labels go back to.
            name: The case, for messages.
            restores_scores: Whether probabilities are interpolated to the grid of the scan.

        Raises:
            CaseError: If no plan keeps to the limits; the message tells what the cheapest would need.
        """
        on_cpu = image.device.type != "cuda"
        if not self.limits or (on_cpu and self.limits == Limits(max_gpu_mb=self.limits.max_gpu_mb)):
            return BudgetedPlan(wanted, Pace(None, 0))
        started = time.perf_counter()
        measured = _measure(image, scores, roi)
        seconds_before += time.perf_counter() - started
        finish = scan_voxels * _FINISH_SECONDS_PER_VOXEL
        if restores_scores:
            classes = measured.channels if scores.readout is None else len(scores.readout.bias)
            finish += scan_voxels * classes * _RESTORE_SECONDS_PER_SCORE
        costs = []
        for plan in cheaper_plans(wanted, isinstance(scores, SplitScores)):
            windows = lay_windows(image, roi, plan.overlap, plan.margin, empty_below)
            cost = _cost(measured, plan, windows, image, seconds_before + finish, scan_voxels, restores_scores)
            costs.append((plan, cost))
            if not self.limits.exceeded(cost):
                break
        chosen = choose_plan(costs, self.limits)
        if chosen is None:
            plan, cost = min(costs, key=lambda pair: self.limits.excess(pair[1]))
            hint = ", --restore_scores False" if restores_scores else ""
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
            allowed = self.limits.max_seconds - seconds_before - finish
        widest = plan.overlap / 2 if isinstance(scores, SplitScores) else plan.margin
        return BudgetedPlan(plan, Pace(allowed, widest), cost)


class _Measured(NamedTuple):
    """What windows cost here: seconds for each and for each voxel of its part, MiB, and channels of what they make.

    Memory of windows comes on top of what was there before; of RAM, some stays in use between windows.
    """

    seconds: float
    seconds_per_voxel: float
    ram_before_mb: float
    window_ram_mb: float
    window_gpu_mb: float | None
    gpu_before_mb: float
    channels: int


@torch.no_grad()
def _measure(image: Tensor, scores: PartScores, roi: Sequence[int]) -> _Measured:
    window = image[:, :, : roi[0], : roi[1], : roi[2]]
    middle = [slice(side, 2 * side) for side in roi]
    whole, least = (window_part(middle, [3 * side for side in roi], roi, margin) for margin in (0, 0.25))
    on_gpu = image.device.type == "cuda"
    ram = _rss_mb()
    gpu_before = _gpu_taken_mb(image.device) if on_gpu else 0.0
    held = torch.cuda.memory_allocated(image.device) / _MIB if on_gpu else 0.0
    monitor = ResourceMonitor(image.device, interval_seconds=0.01)
    monitor.start()
    slow, channels = _time(scores, window, whole)
    peak = monitor.stop()
    gpu = None if peak.gpu_allocated_mb is None else peak.gpu_allocated_mb - held
    per_voxel = 0.0
    if isinstance(scores, SplitScores) and _voxels(whole) > _voxels(least):
        quick, _ = _time(scores, window, least)
        per_voxel = max(slow - quick, 0.0) / (_voxels(whole) - _voxels(least))
    window_ram = max(peak.rss_mb - ram, 0.0)
    return _Measured(slow - per_voxel * _voxels(whole), per_voxel, ram, window_ram, gpu, gpu_before, channels)


def _time(scores: PartScores, window: Tensor, part: WindowPart) -> tuple[float, int]:
    """Return the shorter of two runs, in seconds: the first may have to get ready; and the channels of what comes."""
    taken, channels = [], 0
    for _ in range(2):
        started = time.perf_counter()
        channels = scores(window, part).shape[1]
        if window.device.type == "cuda":
            torch.cuda.synchronize(window.device)
        taken.append(time.perf_counter() - started)
    return min(taken), channels


def _cost(
    measured: _Measured,
    plan: WindowPlan,
    windows: Sequence[Window],
    image: Tensor,
    seconds: float,
    scan_voxels: int,
    restores_scores: bool,
) -> WindowCost:
    voxels = sum(_voxels(window.part) for window in windows)
    seconds += _SAFETY * (len(windows) * measured.seconds + voxels * measured.seconds_per_voxel)
    labels = (image.shape[2:].numel() + 2 * scan_voxels) / _MIB
    places = [window.place for window in windows]
    held = most_slab_voxels(places, image.shape[2:]) if restores_scores else most_open_voxels(places)
    scores = held * (measured.channels + 1) / _MIB
    scores *= 2 if plan.half_scores else 4
    ram = _rss_mb()
    at_once = min(plan.sw_batch_size, len(windows))
    if measured.window_gpu_mb is None:
        ram = max(ram, measured.ram_before_mb + measured.window_ram_mb * at_once) + labels + scores
        return WindowCost(len(windows), seconds, ram)
    gpu = measured.gpu_before_mb + _SAFETY * (scores + measured.window_gpu_mb * at_once)
    return WindowCost(len(windows), seconds, ram + labels, gpu)


def _voxels(part: WindowPart) -> int:
    x, y, z = (axis.stop - axis.start for axis in part.image)
    return int(x * y * z)


def _rss_mb() -> float:
    """Return the resident memory of this process, in MiB."""
    return float(psutil.Process().memory_info().rss) / _MIB


def _gpu_taken_mb(device: torch.device) -> float:
    """Return MiB of the device that are in use, and cannot be had back from PyTorch's own pool."""
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info(device)
    return (total - free) / _MIB

"""Limits of the time and memory of a case: estimated, logged and enforced before they are spent."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from torch import Tensor

from swinx.errors import CaseError
from swinx.inference.backends.part_logits import PartLogits, SplitLogits
from swinx.inference.windows.measured_windows import (
    MeasuredWindows,
    is_out_of_memory,
    largest_part,
    measure_windows,
    predict_cost,
)
from swinx.inference.windows.tiling import Window, tile
from swinx.inference.windows.window_cost import Limits, ResamplingCost, WindowCost, cheaper_settings, choose_settings
from swinx.inference.windows.window_settings import WindowSettings

__all__ = ["BudgetedTiling", "Pace", "WindowBudget"]

_logger = logging.getLogger(__name__)

_FEWEST_WINDOWS = 3
"""Windows before a pace is judged."""
_FINISH_SECONDS_PER_VOXEL = 2e-8
"""Saving of labels, on a slow machine."""


class Pace:
    """Pace at which the windows of a case have to come.

    Args:
        seconds: Time that they may take from now on; None for any time.
        margin: The widest margin, to which the other windows may be cut if they are late.
        measured: Cost of windows, since those at a border take longer; by default all take the same.
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
            done: Number of windows that are done.
            share: Their share of all work, above 0.
        """
        if self.seconds is None or done < _FEWEST_WINDOWS:
            return False
        return (time.perf_counter() - self.started) / share > self.seconds

    def tell_if_late(self, name: str) -> None:
        """Log that the windows of a case took longer than allowed, if they did."""
        taken = time.perf_counter() - self.started
        if self.seconds is not None and taken > self.seconds:
            _logger.warning("%s: over the budget: max_seconds left %.1f s, %.1f were taken", name, self.seconds, taken)


class BudgetedTiling(NamedTuple):
    """Settings of the windows of a case, the pace that they must keep, and the predicted cost; None without limits."""

    settings: WindowSettings
    pace: Pace
    cost: WindowCost | None = None


class WindowBudget:
    """Limits of a case, and the choice of settings that keep to them.

    Before the windows of a case, one is run and measured, with the largest part that would be used and with the
    smallest, twice each, and time and memory of the whole case are predicted: for the settings as they were asked for,
    then for cheaper ones (:func:`swinx.inference.windows.window_cost.cheaper_settings`). The first within all
    limits are chosen and logged.

    Args:
        max_gpu_mb: MiB of the device that may be in use, contexts and other processes included, as ``nvidia-smi`` shows
            them.
        max_ram_mb: MiB of resident memory of this process.
        max_seconds: Seconds from the reading of the scan to the written labels.

    Raises:
        ValueError: If a limit is not a number above 0.
    """

    def __init__(
        self, max_gpu_mb: float | None = None, max_ram_mb: float | None = None, max_seconds: float | None = None
    ) -> None:
        self.limits = Limits(max_gpu_mb, max_ram_mb, max_seconds)
        self._gpu_limit_logged = False

    def choose(
        self,
        image: Tensor,
        logits: PartLogits,
        wanted: WindowSettings,
        resampling: ResamplingCost,
        label_voxels: int,
        seconds_before: float = 0.0,
        name: str = "the scan",
    ) -> BudgetedTiling:
        """Return the settings for a case.

        Args:
            image: Padded volume ``(1, C, X, Y, Z)`` on the device of the network.
            logits: Runs the network.
            wanted: The settings as they were asked for.
            resampling: Cost of interpolating probabilities to the grid of the labels.
            label_voxels: Voxels of the labels.
            seconds_before: Seconds that the case has taken so far.
            name: The case, for messages.

        Raises:
            CaseError: If no settings keep to the limits; the message names the cheapest and their cost.
        """
        if not self._limits_anything(image.device.type == "cuda"):
            return BudgetedTiling(wanted, Pace(None, 0))
        started = time.perf_counter()
        measured = _measure(image, logits, wanted.roi_size, tile(image, wanted), name)
        classes = measured.channels if logits.output_layer is None else len(logits.output_layer.bias)
        finish = label_voxels * _FINISH_SECONDS_PER_VOXEL + resampling.seconds(classes, measured.channels)
        costs = []
        for settings in cheaper_settings(wanted, isinstance(logits, SplitLogits)):
            windows = tile(image, settings)
            other = seconds_before + time.perf_counter() - started + finish
            cost = predict_cost(measured, settings, windows, image, other, label_voxels, resampling)
            costs.append((settings, cost))
            if not self.limits.exceeded(cost):
                break
        found = choose_settings(costs, self.limits)
        if found is None:
            settings, cost = min(costs, key=lambda pair: self.limits.excess(pair[1]))
            raise CaseError(
                name,
                f"over the budget: {'; '.join(self.limits.exceeded(cost))}, even with {settings}: {cost}. Raise the "
                "limit, or train a smaller network, or one for coarser voxels (pixdim)",
            )
        settings, cost = found
        _logger.info("%s: %s predicted with %s", name, cost, settings)
        if settings != wanted:
            over = "; ".join(self.limits.exceeded(costs[0][1]))
            _logger.warning("%s: set aside %s, which is over %s", name, wanted, over)
        allowed = None
        if self.limits.max_seconds is not None:
            allowed = self.limits.max_seconds - seconds_before - (time.perf_counter() - started) - finish
        widest = settings.overlap / 2 if isinstance(logits, SplitLogits) else settings.margin
        return BudgetedTiling(settings, Pace(allowed, widest, measured), cost)

    def _limits_anything(self, on_gpu: bool) -> bool:
        if on_gpu or self.limits.max_gpu_mb is None:
            return bool(self.limits)
        if not self._gpu_limit_logged:
            self._gpu_limit_logged = True
            _logger.info("the network does not run on a GPU: max_gpu_mb %g is not checked", self.limits.max_gpu_mb)
        return self.limits != Limits(max_gpu_mb=self.limits.max_gpu_mb)


def _measure(
    image: Tensor, logits: PartLogits, roi: Sequence[int], windows: Sequence[Window], name: str
) -> MeasuredWindows:
    try:
        return measure_windows(image, logits, roi, largest_part(windows, image.shape[2:], roi))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise CaseError(name, f"memory ran out within a single window: {error}; take a smaller network") from error

"""What windows take on this machine, measured, and what a whole case takes by that."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from swinx.inference.backends.part_scores import PartScores, SplitScores
from swinx.inference.windows.restoring_cost import RestoringCost
from swinx.inference.windows.score_boxes import most_open_voxels
from swinx.inference.windows.slab_scores import most_slab_voxels
from swinx.inference.windows.window_layout import Window
from swinx.inference.windows.window_parts import WindowPart, window_part
from swinx.inference.windows.window_plan import WindowCost, WindowPlan
from swinx.resources import ResourceMonitor, memory_in_use_mb

__all__ = ["MeasuredWindows", "largest_part", "measure_windows", "predict_cost"]

_MIB = 2**20
_SAFETY = 1.15
_RAM_SAFETY = 1.3
"""More for the host, whose allocators keep memory for each size of a part."""
_LABEL_COPIES = 4
"""Of a byte for each voxel of the scan, while labels are brought to its grid and saved."""


class MeasuredWindows(NamedTuple):
    """What windows cost here: seconds for each and for each voxel of its part, MiB, and channels of what they make.

    Memory is that of the largest part that was measured, of so many ``voxels``, on top of what was there before.
    """

    seconds: float
    seconds_per_voxel: float
    voxels: int
    ram_before_mb: float
    window_ram_mb: float
    window_gpu_mb: float | None
    gpu_before_mb: float
    channels: int

    def work(self, part: WindowPart) -> float:
        """Return the seconds that a window takes of which a part is used."""
        return self.seconds + _voxels(part) * self.seconds_per_voxel


def largest_part(windows: Sequence[Window], size: Sequence[int], roi: Sequence[int]) -> WindowPart:
    """Return the largest part that is used of a window; that of a whole one, if there are no windows."""
    whole = window_part([slice(0, side) for side in roi], size, roi, 0)
    return max((window.part for window in windows), key=_voxels, default=whole)


@torch.no_grad()
def measure_windows(image: Tensor, scores: PartScores, roi: Sequence[int], largest: WindowPart) -> MeasuredWindows:
    """Run a window twice with the largest part that is to be used, and, where this saves time, twice with the least.

    Args:
        image: Padded volume ``(1, C, X, Y, Z)`` on the device of the network.
        scores: Runs the network.
        roi: Sides of the windows.
        largest: See :func:`largest_part`.
    """
    window = image[:, :, : roi[0], : roi[1], : roi[2]]
    least = window_part([slice(side, 2 * side) for side in roi], [3 * side for side in roi], roi, 0.25)
    on_gpu = image.device.type == "cuda"
    ram = memory_in_use_mb()
    gpu_before = _gpu_used_mb(image.device) if on_gpu else 0.0
    held = torch.cuda.memory_allocated(image.device) / _MIB if on_gpu else 0.0
    monitor = ResourceMonitor(image.device, interval_seconds=0.01)
    monitor.start()
    try:
        slow, channels = _time(scores, window, largest)
    finally:
        peak = monitor.stop()
    gpu = None if peak.gpu_allocated_mb is None else peak.gpu_allocated_mb - held
    voxels, per_voxel = _voxels(largest), 0.0
    if isinstance(scores, SplitScores) and voxels > _voxels(least):
        quick, _ = _time(scores, window, least)
        per_voxel = max(slow - quick, 0.0) / (voxels - _voxels(least))
    seconds = max(slow - per_voxel * voxels, 0.0)
    return MeasuredWindows(seconds, per_voxel, voxels, ram, max(peak.rss_mb - ram, 0.0), gpu, gpu_before, channels)


def predict_cost(
    measured: MeasuredWindows,
    plan: WindowPlan,
    windows: Sequence[Window],
    image: Tensor,
    other_seconds: float,
    scan_voxels: int,
    restoring: RestoringCost | None,
) -> WindowCost:
    """Return what a case costs with its windows laid by a plan, with a reserve for what was measured.

    Args:
        measured: What windows cost.
        plan: The settings.
        windows: As these lay them.
        image: Padded volume.
        other_seconds: Before and after the windows.
        scan_voxels: Voxels of the scan that the labels go back to.
        restoring: What interpolating probabilities costs, if that is done.
    """
    seconds = other_seconds + _SAFETY * sum(measured.work(window.part) for window in windows)
    labels = (image.shape[2:].numel() + _LABEL_COPIES * scan_voxels) / _MIB
    places = [window.place for window in windows]
    held = most_open_voxels(places) if restoring is None else most_slab_voxels(places, image.shape[2:])
    scores = held * (measured.channels + 1) * (2 if plan.half_scores else 4) / _MIB
    at_once = float(min(plan.sw_batch_size, len(windows)))
    # A larger part takes as much more; a smaller one no less, since as much was taken already.
    at_once *= max(max(map(_voxels, (window.part for window in windows)), default=0) / measured.voxels, 1.0)
    label_mb = 0.0 if restoring is None else restoring.mib(measured.channels)
    if measured.window_gpu_mb is None:
        windows_mb = _RAM_SAFETY * max(measured.window_ram_mb * at_once, label_mb)
        ram = max(memory_in_use_mb(), measured.ram_before_mb + windows_mb) + labels + scores
        return WindowCost(len(windows), seconds, ram)
    windows_mb = max(measured.window_gpu_mb * at_once, label_mb)
    gpu = measured.gpu_before_mb + _SAFETY * (scores + windows_mb)
    return WindowCost(len(windows), seconds, memory_in_use_mb() + labels, gpu)


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


def _voxels(part: WindowPart) -> int:
    x, y, z = (axis.stop - axis.start for axis in part.image)
    return int(x * y * z)


def _gpu_used_mb(device: torch.device) -> float:
    """Return MiB of the device that are in use, by anyone, and cannot be had back from PyTorch's own pool."""
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info(device)
    return (total - free) / _MIB

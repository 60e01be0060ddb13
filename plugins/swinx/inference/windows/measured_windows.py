"""Time and memory of windows, measured on this machine, and the cost of a whole case that follows."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from swinx.inference.backends.part_logits import PartLogits, SplitLogits
from swinx.inference.backends.window_part import WindowPart, window_part
from swinx.inference.windows.slab_logits import most_slab_voxels
from swinx.inference.windows.tiling import Window
from swinx.inference.windows.window_cost import ResamplingCost, WindowCost
from swinx.inference.windows.window_settings import WindowSettings
from swinx.resources import ResourceMonitor, memory_in_use_mb

__all__ = [
    "MeasuredWindows",
    "after_out_of_memory",
    "is_out_of_memory",
    "largest_part",
    "measure_windows",
    "predict_cost",
]


_MIB = 2**20
_SAFETY = 1.15
_RAM_SAFETY = 1.3
"""Larger for the host, whose allocators keep memory for each size of a part."""
_LABEL_COPIES = 4
"""Copies of the labels, a byte for each voxel of the scan, until they are saved."""


class MeasuredWindows(NamedTuple):
    """Cost of windows: seconds for each and for each voxel of its part, MiB, and channels of their results.

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
        """Return the seconds of a window of which a part is used."""
        return self.seconds + _voxels(part) * self.seconds_per_voxel


def largest_part(windows: Sequence[Window], size: Sequence[int], roi: Sequence[int]) -> WindowPart:
    """Return the largest part that is used of a window; that of a whole one, if there are no windows."""
    whole = window_part([slice(0, side) for side in roi], size, roi, 0)
    return max((window.part for window in windows), key=_voxels, default=whole)


@torch.no_grad()
def measure_windows(image: Tensor, logits: PartLogits, roi: Sequence[int], largest: WindowPart) -> MeasuredWindows:
    """Run a window twice with the largest part that is to be used, and, where this saves time, twice with the least.

    Args:
        image: Padded volume ``(1, C, X, Y, Z)`` on the device of the network.
        logits: Runs the network.
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
        slow, channels = _time(logits, window, largest)
    finally:
        peak = monitor.stop()
    gpu = None if peak.gpu_allocated_mb is None else peak.gpu_allocated_mb - held
    voxels, per_voxel = _voxels(largest), 0.0
    if isinstance(logits, SplitLogits) and voxels > _voxels(least):
        quick, _ = _time(logits, window, least)
        per_voxel = max(slow - quick, 0.0) / (voxels - _voxels(least))
    seconds = max(slow - per_voxel * voxels, 0.0)
    return MeasuredWindows(seconds, per_voxel, voxels, ram, max(peak.rss_mb - ram, 0.0), gpu, gpu_before, channels)


def predict_cost(
    measured: MeasuredWindows,
    settings: WindowSettings,
    windows: Sequence[Window],
    image: Tensor,
    other_seconds: float,
    scan_voxels: int,
    resampling: ResamplingCost,
) -> WindowCost:
    """Return the cost of a case with its windows tiled by some settings, with a reserve for what was measured.

    Args:
        measured: Cost of the windows.
        settings: The settings.
        windows: The tiling by these.
        image: Padded volume.
        other_seconds: Before and after the windows.
        scan_voxels: Voxels of the labels.
        resampling: Cost of interpolating probabilities to the grid of the labels.
    """
    seconds = other_seconds + _SAFETY * sum(measured.work(window.part) for window in windows)
    labels = (image.shape[2:].numel() + _LABEL_COPIES * scan_voxels) / _MIB
    places = [window.place for window in windows]
    held = most_slab_voxels(places, image.shape[2:])
    logits = held * (measured.channels + 1) * (2 if settings.half_logits else 4) / _MIB
    at_once = float(min(settings.sw_batch_size, len(windows)))
    # A larger part takes as much more; a smaller one no less, since as much was taken already.
    at_once *= max(max(map(_voxels, (window.part for window in windows)), default=0) / measured.voxels, 1.0)
    label_mb = resampling.mib(measured.channels)
    if measured.window_gpu_mb is None:
        windows_mb = _RAM_SAFETY * max(measured.window_ram_mb * at_once, label_mb)
        ram = max(memory_in_use_mb(), measured.ram_before_mb + windows_mb) + labels + logits
        return WindowCost(len(windows), seconds, ram)
    windows_mb = max(measured.window_gpu_mb * at_once, label_mb)
    gpu = measured.gpu_before_mb + _SAFETY * (logits + windows_mb)
    return WindowCost(len(windows), seconds, memory_in_use_mb() + labels, gpu)


def _time(logits: PartLogits, window: Tensor, part: WindowPart) -> tuple[float, int]:
    """Return the shorter of two runs, in seconds: the first may have to get ready; and the channels of what comes."""
    taken, channels = [], 0
    for _ in range(2):
        started = time.perf_counter()
        channels = logits(window, part).shape[1]
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


_logger = logging.getLogger(__name__)

_SAYINGS = ("out of memory", "can't allocate memory", "cannot allocate memory", "alloc_failed")


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error says that memory, of a GPU or of the host, ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(saying in str(error).lower() for saying in _SAYINGS)


def after_out_of_memory(batch: int) -> int:
    """Free what is held without need, and return half the batch that did not fit."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    half = max(batch // 2, 1)
    _logger.warning("memory ran out with %d windows at once; going on with %d", batch, half)
    return half

"""Peak memory of a stretch of work."""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass

import psutil
import torch

__all__ = ["PeakMemory", "ResourceMonitor", "memory_in_use_mb"]

_MIB = 2**20


@dataclass(frozen=True)
class PeakMemory:
    """Peaks in MiB; the GPU's are None without one.

    Attributes:
        rss_mb: Resident memory of this process.
        gpu_allocated_mb: Memory that this process's tensors held.
        gpu_reserved_mb: Memory that this process took from the device for them.
        gpu_device_mb: Memory in use on the device, by anyone, at a sample.
    """

    rss_mb: float
    gpu_allocated_mb: float | None = None
    gpu_reserved_mb: float | None = None
    gpu_device_mb: float | None = None


class ResourceMonitor:
    """Monitor that samples memory on a background thread between :meth:`start` and :meth:`stop`.

    Args:
        device: Where the network runs; the GPU is watched only if it is a CUDA device.
        interval_seconds: Time between samples.
    """

    def __init__(self, device: torch.device | str = "cpu", interval_seconds: float = 0.05) -> None:
        self.device = torch.device(device)
        self.interval_seconds = interval_seconds
        self._process = psutil.Process()
        self._thread: threading.Thread | None = None
        self._done = threading.Event()
        self._rss = 0
        self._gpu_device = 0

    def start(self) -> None:
        """Begin a new stretch; one that is under way is dropped."""
        if self._thread is not None:
            self.stop()
        self._rss = self._gpu_device = 0
        memory_in_use_mb()  # what the case before left behind is no part of this stretch
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        self._done.clear()
        self._sample()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> PeakMemory:
        """End the stretch and return its peaks."""
        self._sample()
        self._done.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self.device.type != "cuda":
            return PeakMemory(round(self._rss / _MIB, 1))
        return PeakMemory(
            round(self._rss / _MIB, 1),
            round(torch.cuda.max_memory_allocated(self.device) / _MIB, 1),
            round(torch.cuda.max_memory_reserved(self.device) / _MIB, 1),
            round(self._gpu_device / _MIB, 1),
        )

    def _watch(self) -> None:
        while not self._done.wait(self.interval_seconds):
            self._sample()

    def _sample(self) -> None:
        self._rss = max(self._rss, self._process.memory_info().rss)
        if self.device.type == "cuda":
            free, total = torch.cuda.mem_get_info(self.device)
            self._gpu_device = max(self._gpu_device, total - free)


def memory_in_use_mb() -> float:
    """Return the resident memory of this process in MiB, without what the C library keeps for later.

    With a high MALLOC_TRIM_THRESHOLD_ glibc keeps the memory of a case that is done; it would count against the next.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return float(psutil.Process().memory_info().rss) / _MIB

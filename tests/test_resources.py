"""ResourceMonitor: the peak of a stretch, and of that stretch alone."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import threading

import pytest
import torch

from swinx.resources import PeakMemory, ResourceMonitor

MIB = 2**20


class Watched(ResourceMonitor):
    """Tells when it has taken a sample."""

    def __init__(self) -> None:
        super().__init__(interval_seconds=0.01)
        self.sampled = threading.Event()

    def _sample(self) -> None:
        super()._sample()
        self.sampled.set()


def allocate(mib: int, monitor: Watched) -> None:
    """Touch memory, hold it for a sample that begins and ends meanwhile, and give it back."""
    with mmap.mmap(-1, mib * MIB) as block:  # not by the C library, which may keep memory or reuse it
        for page in range(0, mib * MIB, mmap.PAGESIZE):
            block[page] = 1
        for _ in range(2):  # the first one may have begun before
            monitor.sampled.clear()
            assert monitor.sampled.wait(60)


def test_memory_that_was_held_within_the_stretch_is_in_its_peak():
    monitor = Watched()
    monitor.start()
    quiet = monitor.stop().rss_mb
    monitor.start()
    allocate(200, monitor)
    assert monitor.stop().rss_mb - quiet == pytest.approx(200, abs=30)


def test_a_new_stretch_knows_nothing_of_the_one_before():
    monitor = Watched()
    monitor.start()
    allocate(200, monitor)
    busy = monitor.stop().rss_mb
    monitor.start()
    assert busy - monitor.stop().rss_mb == pytest.approx(200, abs=30)


def test_memory_that_the_c_library_keeps_is_not_in_use():
    """A process of its own, with the settings of the Makefile: the C library reads them at its start."""
    script = """
import torch
from swinx.resources import ResourceMonitor, memory_in_use_mb
before = memory_in_use_mb()
block = torch.ones(50 * 2**20)
del block
monitor = ResourceMonitor()
monitor.start()
print(memory_in_use_mb() - before, monitor.stop().rss_mb - before)
"""
    keeping = {"MALLOC_MMAP_THRESHOLD_": str(2**33), "MALLOC_TRIM_THRESHOLD_": str(2**34)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=os.environ | keeping, capture_output=True, text=True, check=True)
    assert [float(word) for word in done.stdout.split()] == pytest.approx([0, 0], abs=60)


def test_a_stretch_that_was_never_ended_is_dropped_with_its_thread():
    monitor = ResourceMonitor(interval_seconds=0.01)
    before = threading.active_count()
    for _ in range(3):
        monitor.start()
    assert threading.active_count() == before + 1
    monitor.stop()
    assert threading.active_count() == before


def test_without_a_gpu_its_memory_is_unknown_not_zero():
    monitor = ResourceMonitor()
    monitor.start()
    peak = monitor.stop()
    assert peak == PeakMemory(peak.rss_mb, None, None, None)
    assert peak.rss_mb > 50, "an interpreter with PyTorch is larger"


@pytest.mark.gpu
def test_on_a_gpu_tensors_are_in_the_peak():
    monitor = ResourceMonitor("cuda")
    monitor.start()
    block = torch.ones(100 * MIB, dtype=torch.uint8, device="cuda")
    peak = monitor.stop()
    del block
    assert peak.gpu_allocated_mb is not None
    assert peak.gpu_device_mb is not None
    assert 100 <= peak.gpu_allocated_mb <= peak.gpu_device_mb

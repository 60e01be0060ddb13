"""Processes that a test has started, by the numbers that they wrote into a file."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

__all__ = ["running", "started"]


def started(place: Path) -> list[psutil.Process]:
    """The processes of the command, when all are there."""
    until = time.monotonic() + 600  # to import torch and MONAI, on a busy machine
    while not place.exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    return [psutil.Process(int(number)) for number in place.read_text().split()]


def running(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that are still running after so many seconds."""
    until = time.monotonic() + seconds
    left = processes
    while left and time.monotonic() < until:
        time.sleep(0.1)
        left = [process for process in left if _runs(process)]
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False

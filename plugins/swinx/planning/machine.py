"""Memory and processors of the machine, as a plan counts them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

__all__ = ["Machine", "this_machine"]

_MIB = 2**20
_GIB = 2**30
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True)
class Machine:
    """A machine that trains.

    Attributes:
        memory_mb: Memory in MiB.
        cores: Processors.
        gpu_gb: Memory of its GPU in GiB; None without one.
    """

    memory_mb: int
    cores: int
    gpu_gb: float | None = None


def this_machine(gpu_gb: float | None = None) -> Machine:
    """Return the memory, the cores and the GPU that this process may use.

    Args:
        gpu_gb: Memory of the GPU that will train, in GiB, where that is another machine's; 0 for none. By default that
            of the first GPU here.
    """
    memory = min(psutil.virtual_memory().total, *(_limit(path) for path in _LIMITS))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if gpu_gb is None and torch.cuda.is_available():
        gpu_gb = round(torch.cuda.get_device_properties(0).total_memory / _GIB, 1)
    return Machine(int(memory // _MIB), cores, float(gpu_gb) if gpu_gb else None)


def _limit(path: Path) -> int:
    """Return the memory of a container in bytes; very much where none is set."""
    try:
        return int(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # another system, or the word max
        return 2**62

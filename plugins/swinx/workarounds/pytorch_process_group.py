"""The end of a process group, with the end of its threads.

Symptom: a ``DistributedDataParallel`` keeps the process group after ``destroy_process_group``. Its threads live on
until the interpreter is gone, and one that still has a tensor to free ends the process with ``terminate called without
an active exception`` and exit code -6, now and then, and after all is written.
Report: https://github.com/pytorch/pytorch/pull/179291 (an attempt, abandoned).
Can go: when PyTorch ends the threads with the group. PyTorch 2.13.0 does not; the test of the threads shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

__all__ = ["leave_processes"]

_HOLDERS = ("process_group", "reducer", "logger")
"""Attributes that keep the group; a test holds that no others do."""


def leave_processes(network: nn.Module | None = None) -> None:
    """End the process group of this process, and wait for its threads: the last step of a distributed bundle.

    Args:
        network: What was trained; cannot be used any more afterwards if it was distributed. A network of another kind
            stays as it is.
    """
    import ignite.distributed as idist
    from torch.nn.parallel import DistributedDataParallel

    if isinstance(network, DistributedDataParallel):
        for name in _HOLDERS:
            delattr(network, name)
    idist.finalize()

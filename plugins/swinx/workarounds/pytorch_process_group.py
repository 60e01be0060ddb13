"""The beginning of a process group that may be restarted, and its end, with the end of its threads.

Symptom at the beginning: restarted by ``torchrun --max-restarts``, processes wait for each other until they time out.
They read the addresses of their dead predecessors from the store of ``torchrun``, which outlives both.
Report: https://github.com/pytorch/pytorch/issues/135712 (closed; PyTorch 2.13.0 still does it).
Can go: when a restart passes without the variable of the environment; the test of the restart shows it.

Symptom under Slurm: Ignite takes ``torchrun``, started once a node by ``srun``, for an error, since ranks differ from
Slurm's. Reports: https://github.com/pytorch/ignite/issues/2048 and 3259. Can go: when Ignite 0.5.5's successor passes.

Symptom at the end: a ``DistributedDataParallel`` keeps the process group after ``destroy_process_group``. Its threads
live on until the interpreter is gone, and one that still has a tensor to free ends the process with ``terminate called
without an active exception`` and exit code -6, now and then, and after all is written.
Report: https://github.com/pytorch/pytorch/pull/179291 (an attempt, abandoned).
Can go: when PyTorch ends the threads with the group. PyTorch 2.13.0 does not; the test of the threads shows it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from swinx.errors import BundleError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["join_processes", "leave_processes"]

_HOLDERS = ("process_group", "reducer", "logger")
"""Attributes that keep the group; a test holds that no others do."""


def join_processes(backend: str | None = None, **options: Any) -> None:
    """Begin the process group of this process, the first step of a distributed bundle, by Ignite's ``initialize``.

    Raises:
        BundleError: If ``torchrun`` may restart the processes and would let the new ones wait for the dead.
    """
    import ignite.distributed as idist
    import torch

    restarts = int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0"))
    if restarts and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        raise BundleError(
            f"torchrun --max-restarts={restarts}: processes that are started again would wait for those that died; "
            "set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 in the environment of torchrun"
        )
    own = {"SLURM_JOB_ID": os.environ.pop("SLURM_JOB_ID", None)} if "TORCHELASTIC_RUN_ID" in os.environ else {}
    try:
        idist.initialize(backend or ("nccl" if torch.cuda.is_available() else "gloo"), **options)
    finally:
        os.environ.update({name: value for name, value in own.items() if value})


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

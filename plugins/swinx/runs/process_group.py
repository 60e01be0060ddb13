"""How processes that trained together come apart."""

from __future__ import annotations

import ignite.distributed as idist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

__all__ = ["leave_processes"]


def leave_processes(network: nn.Module | None = None) -> None:
    """End the process group of this process, and wait for its threads: the last that a distributed bundle does.

    A ``DistributedDataParallel`` holds the group beyond the end of it. Its threads then live on until the interpreter
    is gone, and one that still has a tensor to drop ends the process with ``terminate called without an active
    exception`` and exit code -6, now and then, and after all is written (https://github.com/pytorch/pytorch/pull/179291).
    So it is emptied here. A network of another kind stays as it is.

    Args:
        network: What was trained; cannot be used any more afterwards if it was distributed.
    """
    if isinstance(network, DistributedDataParallel):
        network.__dict__.clear()
    idist.finalize()

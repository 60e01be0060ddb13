"""The lock on what a bundle run writes, taken once by all processes of the run."""

from __future__ import annotations

import ignite.distributed as idist

from swinx.errors import RunError
from swinx.files import hold
from swinx.runs.run_log import start_log

__all__ = ["lock_output"]


def lock_output(*folders: str, checkpoint: str | None = None) -> None:
    """Keep other runs out of the folders that this run writes, and off its checkpoint, until it ends.

    Call it before anything is written, the log among it. The first process of a distributed run takes the locks for
    all, and if another run has one of them, all processes end.

    Args:
        folders: Output folders; one that is given twice is locked once.
        checkpoint: File that the run writes; others in its folder may be written by other runs.

    Raises:
        RunError: If another run is writing one of them; the message names it.
    """
    start_log("", enabled=False)  # the reason is the last line that a user reads
    refused = ""
    if idist.get_rank() == 0:
        try:
            for folder in folders:
                hold(folder)
            if checkpoint is not None:
                hold(checkpoint, is_file=True)
        except RunError as error:
            refused = str(error)
    if idist.get_world_size() > 1:
        refused = str(idist.broadcast(refused, src=0, safe_mode=True))
    if refused:
        raise RunError(refused)

"""Opening of a bundle run: locks on what it writes, its log, and the version of the package."""

from __future__ import annotations

import logging
from pathlib import Path

import ignite.distributed as idist

from swinx.bundle import require_plugin
from swinx.errors import RunError
from swinx.files import hold
from swinx.rules import LockRules
from swinx.runs.run_log import require_writable, start_log
from swinx.visible_text import visible

__all__ = ["lock_output", "open_run"]

_logger = logging.getLogger(__name__)


def open_run(
    bundle_root: str, output_dir: str, log: str, *folders: str, checkpoint: str | None = None, enabled: bool = True
) -> None:
    """Open a run: lock what it writes, start its log, and check that package and bundle belong together.

    It stands second in the list ``run`` of every configuration, after :func:`swinx.bundle.check_run_settings`, and
    before anything is written.

    Args:
        bundle_root: Folder of the bundle.
        output_dir: Folder of the results.
        log: Name of the log file in ``output_dir``.
        folders: More folders that the run writes.
        checkpoint: File of weights that the run writes.
        enabled: False on all but the first process of a distributed run, which alone writes the log.

    Raises:
        RunError: If another run is writing one of them; the message names it.
        BundleError: If the bundle was made for another version of the package.
        OSError: If the log or the checkpoint cannot be written.
    """
    lock_output(output_dir, *folders, checkpoint=checkpoint)
    start_log(str(Path(output_dir, log)), enabled=enabled)
    require_plugin(bundle_root)
    if checkpoint is not None:
        require_writable(checkpoint)
        if enabled and Path(checkpoint).exists() and not Path(output_dir, "training_state.pt").exists():
            _logger.warning("%s", LockRules.REPLACED.says(path=visible(checkpoint), folder=visible(output_dir)))


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

"""Time limit of a training, kept at the end of an epoch."""

from __future__ import annotations

import logging
import time

import ignite.distributed as idist
from ignite.engine import Events
from monai.engines import Workflow

__all__ = ["TimeLimit"]


class TimeLimit:
    """Handler that ends a training when the next epoch would exceed the limit.

    For queues with a wall-clock limit: the state of the last epoch is complete, so the same
    command resumes in the next job. Attach it before the handlers that validate
    (:class:`swinx.training.EpochValidation`) and save, which then do so after this epoch; the time that
    they took after earlier epochs is counted. Ignite's handler of this name stops in the
    middle of an epoch, which would then be repeated.

    Args:
        minutes: The limit; None for none.

    Raises:
        ValueError: If the limit is not positive.
    """

    def __init__(self, minutes: float | None) -> None:
        if minutes is not None and minutes <= 0:
            raise ValueError(f"the time limit must be positive, not {minutes} minutes")
        self.minutes = minutes
        self.logger = logging.getLogger(__name__)
        self._started = self._epoch_started = self._longest = self._checked = self._rest = 0.0

    def attach(self, engine: Workflow) -> None:
        """Watch the trainer's clock."""
        if self.minutes is None:
            return
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.EPOCH_STARTED, self._start_epoch)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._check)

    def _start(self) -> None:
        self._started = time.monotonic()
        self._longest = self._checked = self._rest = 0.0

    def _start_epoch(self) -> None:
        self._epoch_started = time.monotonic()
        if self._checked:
            self._rest = max(self._rest, self._epoch_started - self._checked)

    def _check(self, engine: Workflow) -> None:
        self._checked = now = time.monotonic()
        self._longest = max(self._longest, now - self._epoch_started)
        if self.minutes is None or engine.state.epoch == engine.state.max_epochs:
            return
        over = int(now - self._started + self._longest + 2 * self._rest > 60 * self.minutes)
        # The clocks of a distributed training differ; if one process stopped alone, the others would wait for it.
        if idist.all_reduce(over, op="MAX"):
            self.logger.warning(
                "stopped after epoch %d of %d: the next one would pass the limit of %g minutes; "
                "the same command, with resume on, continues from here",
                engine.state.epoch,
                engine.state.max_epochs,
                self.minutes,
            )
            engine.terminate()

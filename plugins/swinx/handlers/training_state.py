"""Resume a training that was killed, at the last finished epoch."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Events
from monai.engines import Workflow
from torch.optim.lr_scheduler import LRScheduler

from swinx.errors import WeightsError
from swinx.files import write_whole

__all__ = ["TrainingState"]


class TrainingState:
    """Save everything a training needs to go on, after every epoch, and take it up again.

    Saved are network, optimiser, position of the learning-rate schedule, gradient scaler,
    epoch, and the validator's best metric. The file appears whole or not at all, so a kill
    costs at most the running epoch. Attach it after the validation handler, so that an
    epoch counts as finished only with its validation.

    MONAI's ``CheckpointSaver`` writes in place and leaves the best metric behind, and its
    loader takes the schedule's old length along when ``max_epochs`` grows; hence this class.

    Args:
        path: The state file.
        network: The network itself, not its DDP wrapper.
        optimizer: Its optimiser.
        lr_scheduler: Its schedule; only the position is restored, so that a longer
            training can be resumed with its own schedule.
        evaluator: The validation engine that knows the best metric.
        resume: Go on from ``path`` if it is there; otherwise start anew and replace it.
        interval: Save every so many epochs; the last one is always saved.
    """

    def __init__(
        self,
        path: str,
        network: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        lr_scheduler: LRScheduler | None = None,
        evaluator: Workflow | None = None,
        resume: bool = True,
        interval: int = 1,
    ) -> None:
        self.path = Path(path)
        self.network = network
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler
        self.evaluator = evaluator
        self.resume = resume
        self.interval = interval
        self.logger = logging.getLogger(__name__)

    def attach(self, engine: Workflow) -> None:
        """Load when the trainer starts, save when an epoch is complete."""
        engine.add_event_handler(Events.STARTED, self.load)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.save)

    def load(self, engine: Workflow) -> None:
        """Restore the state, if there is one and it is wanted.

        Raises:
            WeightsError: If the file cannot be read or belongs to another network.
        """
        if not (self.resume and self.path.is_file()):
            return
        advice = "give --resume False to start anew, or another --output_dir"
        try:
            state: Mapping[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
        except Exception as error:
            raise WeightsError(f"cannot resume from {self.path}: {error}; {advice}") from error
        if self.lr_scheduler is not None:
            self.lr_scheduler.last_epoch = state["lr_steps"]
            self.lr_scheduler._step_count = state["lr_steps"] + 1
        scaler = getattr(engine, "scaler", None)
        if scaler is not None and state["scaler"] is not None:
            scaler.load_state_dict(state["scaler"])
        if self.evaluator is not None:
            self.evaluator.state.best_metric = state["best_metric"]
            self.evaluator.state.best_metric_epoch = state["best_metric_epoch"]
        engine.state.epoch = state["epoch"]
        engine.state.iteration = state["epoch"] * engine.state.epoch_length
        self.logger.info(
            "resumed from %s after epoch %d of %d; best metric so far %.4f",
            self.path,
            state["epoch"],
            engine.state.max_epochs,
            state["best_metric"],
        )

    def save(self, engine: Workflow) -> None:
        """Write the state of this epoch, on the first process only."""
        epoch = engine.state.epoch
        if idist.get_rank() != 0 or (epoch % self.interval and epoch != engine.state.max_epochs):
            return
        scaler = getattr(engine, "scaler", None)
        best = self.evaluator.state if self.evaluator is not None else None
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "lr_steps": self.lr_scheduler.last_epoch if self.lr_scheduler is not None else 0,
            "scaler": scaler.state_dict() if scaler is not None else None,
            "epoch": epoch,
            "best_metric": float(best.best_metric) if best is not None else -1.0,
            "best_metric_epoch": int(best.best_metric_epoch) if best is not None else -1,
        }
        with write_whole(self.path) as partial:
            torch.save(state, partial)

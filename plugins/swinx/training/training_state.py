"""State of a training, from which it resumes at the last finished epoch."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import ignite.distributed as idist
import torch
from ignite.engine import Events
from monai.engines import Workflow
from torch.optim.lr_scheduler import LRScheduler

from swinx.errors import WeightsError
from swinx.files import write_atomic
from swinx.networks import damaged_entry
from swinx.rules import ResumeRules
from swinx.training.resume_check import data_difference, settings_difference
from swinx.training.save_interval import check_interval, is_to_save
from swinx.visible_text import visible

__all__ = ["TrainingState"]

_KEYS = {
    "network",
    "optimizer",
    "lr_steps",
    "scaler",
    "epoch",
    "epoch_length",
    "best_metric",
    "best_metric_epoch",
    "settings",
}
"""What every state holds; one with further modules also has "modules", and one of known data "data"."""

_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("network", "optimizer", "settings", "data"), dict),
    **dict.fromkeys(("epoch", "epoch_length", "lr_steps", "best_metric_epoch"), int),
    "best_metric": (int, float),
}
"""What they are: the file may come from somebody else."""

_SHOWN = 300


class TrainingState:
    """Handler that saves the state of a training after every epoch and resumes from it.

    Saved are network, optimiser, position of the learning-rate schedule, gradient scaler,
    epoch, and the validator's best metric. The file is written atomically, so a kill
    costs at most the running epoch. Attach it after the validation handler, so that an
    epoch counts as finished only with its validation.

    MONAI's ``CheckpointSaver`` writes in place and leaves the best metric behind, and its
    loader takes the schedule's old length along when ``max_epochs`` grows; hence this class.

    Args:
        path: The state file.
        network: The network itself, not its DDP wrapper.
        optimizer: Its optimiser; its running averages are restored, but not its settings
            (rate, decay), which are those given for this run.
        lr_scheduler: Its schedule, which depends on the number of steps alone; only the
            position is restored, so that a longer training can be resumed with its own schedule.
            If it steps at every iteration, the position is that of the epoch, so that more
            scans or more processes do not shift it.
        evaluator: The validation engine that knows the best metric.
        resume: Go on from ``path`` if it is there; otherwise start anew and replace it.
        interval: Save every so many epochs; the last one is always saved, and the one at which the training is
            stopped in time.
        settings: What makes it the same training: names and plain values. A state with other settings is refused.
        data: What its data are, as :func:`swinx.data.case_marks` tells it. A state of other data is refused.
        checkpoint: File of the best weights. Where it is missing, as with a new output folder, the best metric of the
            state is that of no file, and the next validation makes a new one.
        modules: Further modules with a state of their own, by name, such as a loss with running averages. One without
            tensors need not be in the file.
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
        settings: Mapping[str, Any] | None = None,
        modules: Mapping[str, torch.nn.Module] | None = None,
        data: Mapping[str, Any] | None = None,
        checkpoint: str | None = None,
    ) -> None:
        self.path = Path(path)
        self.network = network
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler
        self.evaluator = evaluator
        self.resume = resume
        self.interval = check_interval(interval)
        self.settings = {name: json.dumps(value, default=str) for name, value in (settings or {}).items()}
        self.data = dict(data or {})
        self.checkpoint = Path(checkpoint) if checkpoint else None
        self.modules = dict(modules or {})
        self.logger = logging.getLogger(__name__)

    def attach(self, engine: Workflow) -> None:
        """Load when the trainer starts, save when an epoch is complete."""
        engine.add_event_handler(Events.STARTED, self.load)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.save)

    def load(self, engine: Workflow) -> None:
        """Load the state, if there is one and resuming is requested.

        Raises:
            WeightsError: If the file cannot be read or belongs to another network; the message names it.
        """
        if not (self.resume and self.path.is_file()):
            return
        try:
            state = _read(self.path)
            self._restore(state, engine)
        except WeightsError as error:
            advice = "give --resume False to start anew, or another --output_dir"
            raise WeightsError(f"cannot resume from {self.path}: {error}; {advice}") from error.__cause__
        best = f"; best metric so far {state['best_metric']:.4f}" if self.evaluator is not None else ""
        self.logger.info(
            "resumed from %s after epoch %d of %d%s", self.path, state["epoch"], engine.state.max_epochs, best
        )
        if state["epoch"] >= engine.state.max_epochs:
            self.logger.warning(
                "all %d epochs are done already, there is nothing left to do; to train longer give a larger "
                "--max_epochs, to start anew --resume False",
                engine.state.max_epochs,
            )

    def _restore(self, state: Mapping[str, Any], engine: Workflow) -> None:
        if other := settings_difference(state["settings"], self.settings):
            raise WeightsError(ResumeRules.OTHER_SETTINGS.says(difference=other))
        if self.data and "data" in state and (other := data_difference(state["data"], self.data)):
            raise WeightsError(ResumeRules.OTHER_DATA.says(difference=visible(other)))
        settings = [{k: v for k, v in group.items() if k != "params"} for group in self.optimizer.param_groups]
        part = "network"
        try:
            self.network.load_state_dict(state["network"])
            for part, module in self.modules.items():
                module.load_state_dict(state.get("modules", {}).get(part, {}))
            part = "optimiser"
            self.optimizer.load_state_dict(state["optimizer"])
        except Exception as error:  # what torch raises depends on how the two differ
            found = " ".join(str(error).split())
            raise WeightsError(
                f"it belongs to another network or optimiser, by its {part}: {found[:_SHOWN]}"
            ) from error
        for group, given in zip(self.optimizer.param_groups, settings, strict=True):
            group.update(given)  # rate and decay are those of this run, not of the run that wrote the file
        scaler = getattr(engine, "scaler", None)
        if scaler is not None and state["scaler"]:
            scaler.load_state_dict(state["scaler"])
        if self.evaluator is not None and self._has_best():
            self.evaluator.state.best_metric = state["best_metric"]
            self.evaluator.state.best_metric_epoch = state["best_metric_epoch"]
        engine.state.epoch = state["epoch"]
        engine.state.iteration = state["epoch"] * engine.state.epoch_length
        if self.lr_scheduler is not None:
            every_iteration = state["lr_steps"] == state["epoch"] * state["epoch_length"]
            _move_to(self.lr_scheduler, engine.state.iteration if every_iteration else state["lr_steps"])

    def _has_best(self) -> bool:
        if self.checkpoint is None or self.checkpoint.is_file():
            return True
        self.logger.warning("%s", ResumeRules.NO_BEST.says(checkpoint=self.checkpoint))
        return False

    def save(self, engine: Workflow) -> None:
        """Write the state of this epoch, on the first process only.

        Raises:
            OSError: If the file cannot be written; the message names it, and a former file stays.
        """
        epoch = engine.state.epoch
        if idist.get_rank() != 0 or not is_to_save(engine, self.interval):
            return
        scaler = getattr(engine, "scaler", None)
        best = self.evaluator.state if self.evaluator is not None else None
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "lr_steps": self.lr_scheduler.last_epoch if self.lr_scheduler is not None else 0,
            "scaler": scaler.state_dict() if scaler is not None else None,
            "epoch": epoch,
            "epoch_length": engine.state.epoch_length,
            "best_metric": float(best.best_metric) if best is not None else -1.0,
            "best_metric_epoch": int(best.best_metric_epoch) if best is not None else -1,
            "settings": self.settings,
            "data": self.data,
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
        }
        with write_atomic(self.path) as partial:
            try:
                torch.save(state, partial)
            except RuntimeError as error:  # how torch reports a full disk
                raise OSError(f"cannot write {self.path}: {error}; free some space and resume") from error


def _read(path: Path) -> Mapping[str, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling broken or foreign bytes raises almost anything
        raise WeightsError("it is truncated, damaged or no state of a training") from error
    if entry := damaged_entry(path):
        raise WeightsError(f"it is damaged: the checksum of {entry} is wrong")
    missing = _KEYS - set(state) if isinstance(state, Mapping) else _KEYS
    if missing:
        raise WeightsError(f"it is no state of a training, {', '.join(sorted(missing))} missing")
    if odd := [name for name, kind in _KINDS.items() if name in state and not isinstance(state[name], kind)]:
        raise WeightsError(f"it is no state of a training: {', '.join(odd)} of another kind")
    if not all(isinstance(tensor, torch.Tensor) for tensor in state["network"].values()):
        raise WeightsError("it is no state of a training, its network holds more than tensors")
    diverged = [name for name, tensor in state["network"].items() if not bool(torch.isfinite(tensor).all())]
    if diverged:
        raise WeightsError(f"{len(diverged)} of its tensors hold NaN or infinity, {diverged[0]} first")
    return cast(Mapping[str, Any], state)


def _move_to(scheduler: LRScheduler, steps: int) -> None:
    """Advance a fresh schedule, and the rates of its optimiser, by a number of steps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that the optimiser did not step in between
        for _ in range(steps - scheduler.last_epoch):
            scheduler.step()

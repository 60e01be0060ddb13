"""History of a training as a table by epoch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import numpy as np
import torch
from ignite.engine import Events
from monai.data import MetaTensor
from monai.engines import Workflow

from swinx.errors import CaseError, TrainingError
from swinx.files import read_rows, write_rows

__all__ = ["TrainingHistory"]

_OVERFLOWS = 5
"""Losses in a row that may overflow in half precision before the training is taken to have diverged."""


class TrainingHistory:
    """Handler that writes a CSV row per epoch: loss, rate, seconds, peak GPU memory and metrics.

    Rows of earlier epochs are kept when a training is resumed; rows from the epoch being
    repeated on are replaced. Attach it after the validation handler. A loss that is not a
    number stops the training, before it can reach a checkpoint, with a ``CaseError``, weights that are not with a
    ``TrainingError``. Where a gradient scaler skips steps that overflow, up to five such losses in a row are let pass.
    A file that is no such table stops a resumed training at its start with a ``ValueError``.

    Args:
        path: The CSV file.
        optimizer: Its first group's learning rate is recorded.
        evaluator: The validation engine; its metrics are recorded in epochs that validate.
    """

    def __init__(self, path: str, optimizer: torch.optim.Optimizer, evaluator: Workflow | None = None) -> None:
        self.path = Path(path)
        self.optimizer = optimizer
        self.evaluator = evaluator
        self.losses: list[float] = []
        self.started = 0.0
        self.overflows = 0
        self.rows: list[dict[str, Any]] | None = None

    def attach(self, engine: Workflow) -> None:
        """Listen to the trainer."""
        engine.add_event_handler(Events.STARTED, self._forget)
        engine.add_event_handler(Events.EPOCH_STARTED, self._begin)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._write)

    def _forget(self) -> None:
        self.rows = None

    def _begin(self, engine: Workflow) -> None:
        if self.rows is None:  # not before the first epoch it is known whether the training is resumed
            self.rows = _read_before(self.path, engine.state.epoch)
        self.losses = []
        self.started = time.perf_counter()

    def _collect(self, engine: Workflow) -> None:
        loss = float(engine.state.output[0]["loss"])
        self.overflows = 0 if np.isfinite(loss) else self.overflows + 1
        if self.overflows and _scales(engine) and self.overflows <= _OVERFLOWS:
            return  # half precision overflows now and then; the gradient scaler skips the step
        if self.overflows:
            raise CaseError(
                _files_of(engine.state.batch),
                f"the loss became {loss} in epoch {engine.state.epoch}, iteration {engine.state.iteration}; "
                "check these files, or lower learning_rate; right after a resume, the state itself may be bad "
                "(--resume False begins anew)",
            )
        self.losses.append(loss)

    def _check_weights(self, engine: Workflow) -> None:
        """Stop if the last step, which no loss follows, made the weights non-finite, before the epoch is saved."""
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        if not all(bool(parameter.isfinite().all()) for parameter in parameters):
            raise TrainingError(
                f"the last step of epoch {engine.state.epoch} made weights NaN or infinite; it is not saved: lower "
                "learning_rate and go on from the last state"
            )

    def _write(self, engine: Workflow) -> None:
        self._check_weights(engine)
        mean_loss = float(np.mean(self.losses)) if self.losses else float("nan")
        mean_loss = float(idist.all_reduce(mean_loss)) / idist.get_world_size()
        if idist.get_rank() != 0:
            return
        epoch = engine.state.epoch
        row: dict[str, Any] = {
            "epoch": epoch,
            "train_loss": mean_loss,
            "learning_rate": float(self.optimizer.param_groups[0]["lr"]),
            "seconds": round(time.perf_counter() - self.started, 2),
        }
        if torch.cuda.is_available():
            row["peak_gpu_mb"] = round(torch.cuda.max_memory_allocated() / 2**20, 1)
        row |= _scalars(engine)
        if self.evaluator is not None and self.evaluator.state.epoch == epoch:
            row |= _scalars(self.evaluator)
        self.rows = [*(self.rows or []), row]
        write_rows(self.path, self.rows)


def _scales(engine: Workflow) -> bool:
    """Return whether a gradient scaler is active, which skips steps with an overflow; never on a CPU."""
    scaler = getattr(engine, "scaler", None)
    return scaler is not None and bool(scaler.is_enabled())


def _scalars(engine: Workflow) -> dict[str, float]:
    return {name: float(value) for name, value in engine.state.metrics.items() if isinstance(value, int | float)}


def _read_before(path: Path, epoch: int) -> list[dict[str, Any]]:
    """Return the recorded rows of the epochs before ``epoch``."""
    if epoch == 1 or not path.is_file():
        return []
    try:
        rows = read_rows(path)
    except ValueError:  # also of text that is no text
        rows = []
    if not rows or not all(isinstance(row.get("epoch"), int | float) for row in rows):
        raise ValueError(f"{path}: this is no history of a training, there is no column 'epoch'; move it away")
    return [row for row in rows if row["epoch"] < epoch]


def _files_of(batch: Any) -> str:
    """Return the names of the files of a batch, collated or not, for a message; ``"?"`` if none is known."""
    return ", ".join(sorted(set(_names(batch)))) or "?"


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, MetaTensor):
        found = value.meta.get("filename_or_obj", ())
        yield from (str(name) for name in ([found] if isinstance(found, str) else found))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _names(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _names(item)

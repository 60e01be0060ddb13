"""Table of single steps: losses, rates, momentum, temperatures."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import ignite.distributed as idist
from ignite.engine import Events
from monai.engines import Workflow

from swinx.files import write_atomic

__all__ = ["StepLog"]


class StepLog:
    """Handler that appends ``loss`` and ``scalars`` of a step to a CSV file, at an interval of iterations.

    A resumed training cuts the file at the iteration from which it resumes. Attach it after the handlers that add to
    ``scalars``.

    Args:
        path: The CSV file; its columns are ``epoch``, ``iteration``, ``loss`` and the scalars' names.
        interval: Write every so many iterations, counted over the whole run.

    Raises:
        ValueError: If the interval is not positive.
    """

    def __init__(self, path: str, interval: int = 10) -> None:
        if interval < 1:
            raise ValueError(f"the interval of the step log must be 1 or more, not {interval}")
        self.path = Path(path)
        self.interval = interval
        self.columns: list[str] = []

    def attach(self, engine: Workflow) -> None:
        """Listen to the trainer, on the first process only."""
        if idist.get_rank() == 0:
            engine.add_event_handler(Events.STARTED, self._forget)
            engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def _forget(self) -> None:
        self.columns = []

    def __call__(self, engine: Workflow) -> None:
        """Write the row of this step, if the interval includes it.

        Raises:
            OSError: If the file cannot be written; the message names it.
        """
        output = engine.state.output[0]
        row = {"epoch": engine.state.epoch, "iteration": engine.state.iteration, "loss": float(output["loss"])}
        row |= output["scalars"]
        if not self.columns:  # not before the first step it is known whether the training is resumed
            self.columns = list(row)
            self._begin(engine.state.iteration)
        if engine.state.iteration % self.interval:
            return
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, self.columns, extrasaction="ignore").writerow(row)

    def _begin(self, iteration: int) -> None:
        rows = [row for row in _read(self.path) if _is_before(row, iteration)]
        with write_atomic(self.path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, self.columns, restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _is_before(row: dict[str, Any], iteration: int) -> bool:
    """Return whether a row is complete and of an earlier step; a kill may have cut the last one."""
    number = row.get("iteration") or ""
    return number.isdigit() and int(number) < iteration and None not in row and None not in row.values()

"""An engine's run in MLflow: its losses, its metrics, its end."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ignite.engine import Events
from monai.engines import Workflow

from swinx.tracking import TrackingSession

__all__ = ["MLflowRun"]

_NO_NAME = re.compile(r"[^\w\-. :/]")


class MLflowRun:
    """Handler that tracks a run of an engine in MLflow, see :class:`swinx.tracking.TrackingSession`.

    Logs loss and scalars every ``step_interval`` iterations under ``step/``, and the last row of a table, or else the
    engine's metrics, when an epoch ends. A training that is resumed goes on in its run. Attach it last: what it logs
    at the end of an epoch must be there by then.

    Args:
        table: CSV file that gets a row each epoch, such as that of :class:`swinx.training.TrainingHistory`.
        keep_open: Leave the run open when the engine has finished, for what comes after it; :meth:`close` ends it.
        products: Models and data lists to sign at the end.
        session: Stage, folders, sources and files of the run: the arguments of a session.
    """

    def __init__(
        self, table: str | None = None, keep_open: bool = False, products: Sequence[str] = (), **session: Any
    ) -> None:
        self.session = TrackingSession(**session)
        self.table = None if table is None else Path(table)
        self.keep_open = keep_open
        self.products = list(products)

    def attach(self, engine: Workflow) -> None:
        """Listen to the engine, unless tracking is off."""
        if not self.session.enabled:
            return
        engine.add_event_handler(Events.STARTED, self._begin)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._step)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._epoch)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._fail)
        if not self.keep_open:
            engine.add_event_handler(Events.COMPLETED, lambda: self.close())

    def begin(self) -> None:
        """Open the run, where something comes before the engine, or instead of it."""
        self.session.begin()

    def close(self, results: Mapping[str, Any] | None = None) -> None:
        """Log what came out and end the run.

        Args:
            results: Numbers that sum the run up.
        """
        if self.session.run is not None and results:
            self.session.run.metrics(_numbers(results), step=0)
        self.session.end("FINISHED", self.products)

    def _begin(self, engine: Workflow) -> None:
        if 0 < engine.state.max_epochs <= engine.state.epoch:
            return  # a training that had finished before: nothing will happen
        self.session.begin(resume=engine.state.epoch > 0)

    def _step(self, engine: Workflow) -> None:
        interval = int(self.session.settings["step_interval"])
        output = engine.state.output
        if self.session.run is None or engine.state.iteration % interval or not isinstance(output, Sequence):
            return
        row = output[0]
        if not isinstance(row, Mapping) or "loss" not in row:
            return
        numbers = _numbers({"loss": row["loss"], **row.get("scalars", {})})
        self.session.run.metrics({f"step/{key}": value for key, value in numbers.items()}, engine.state.iteration)

    def _epoch(self, engine: Workflow) -> None:
        if self.session.run is None:
            return
        row = engine.state.metrics if self.table is None else _last_row(self.table)
        if numbers := _numbers(row):
            self.session.run.metrics(numbers, engine.state.epoch)

    def _fail(self, engine: Workflow, error: BaseException) -> None:  # noqa: ARG002 - ignite passes both
        self.session.end("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise error


def _last_row(table: Path) -> dict[str, str]:
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError):  # not there, or no text
        return {}
    return rows[-1] if rows else {}


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Return the finite numbers, their names without characters that MLflow refuses in the name of a metric."""
    numbers = {}
    for name, value in values.items():
        try:
            number = float(value)
        except (TypeError, ValueError):
            continue
        if math.isfinite(number):
            numbers[_NO_NAME.sub("_", name)] = number
    return numbers

"""History of the validation by class: a table by epoch, and a line in the log."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import numpy as np
from ignite.engine import Events
from monai.engines import Workflow

from swinx.files import read_rows, write_rows
from swinx.labels import FLARE23, LabelSet

__all__ = ["OrganHistory", "class_means"]

_logger = logging.getLogger(__name__)


def class_means(engine: Workflow, metric: str, label_set: LabelSet) -> dict[str, float | None]:
    """Return the mean Dice of each class over the cases of a validation, to four digits; None where no case has one.

    Args:
        engine: The validation engine.
        metric: Name of a Dice metric without background that saves details.
        label_set: The classes.
    """
    scores = np.atleast_2d(np.asarray(engine.state.metric_details[metric].cpu(), dtype=np.float64))
    known = [column[np.isfinite(column)] for column in scores.T]
    return {
        name: round(float(values.mean()), 4) if values.size else None
        for name, values in zip(label_set.names[1:], known, strict=True)
    }


class OrganHistory:
    """Handler that writes a CSV row per validation with the mean Dice of every class, and the same into the log.

    Attach it to the validation engine. A class that no case has is left empty. Rows from the epoch on that is being
    repeated are replaced.

    Args:
        path: The CSV file.
        metric: Name of a Dice metric of the engine that saves details.
        label_set: The classes.
    """

    def __init__(self, path: str, metric: str = "val_mean_organ_dice", label_set: LabelSet = FLARE23) -> None:
        self.path = Path(path)
        self.metric = metric
        self.label_set = label_set

    def attach(self, engine: Workflow) -> None:
        """Listen to the validation engine."""
        engine.add_event_handler(Events.COMPLETED, self)

    def __call__(self, engine: Workflow) -> None:
        """Write the row of this validation, on the first process only.

        Raises:
            OSError: If the file cannot be written; the message names it.
        """
        if idist.get_rank() != 0:
            return
        means = class_means(engine, self.metric, self.label_set)
        told = ", ".join(f"{name} {mean:.3f}" for name, mean in means.items() if mean is not None)
        _logger.info("epoch %d, validation Dice: %s", engine.state.epoch, told or "no class")
        row: dict[str, Any] = {"epoch": engine.state.epoch, **means}
        before = read_rows(self.path) if self.path.is_file() else []
        kept = [earlier for earlier in before if earlier["epoch"] < engine.state.epoch]
        write_rows(self.path, [*kept, row])

"""Handlers that save a network with its origin: at the best validation, or at the end of epochs."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Events
from monai.engines import Workflow

from swinx import __version__
from swinx.bundle import active_settings
from swinx.files import write_json
from swinx.labels import LabelSet
from swinx.networks import save_weights
from swinx.tracking import artefact_hash, provenance, sidecar_path
from swinx.training.organ_history import class_means
from swinx.training.save_interval import check_interval, is_to_save

__all__ = ["BestModel", "LatestModel"]


class _SavedModel:
    """A network, and the file that it is saved to."""

    def __init__(
        self, network: torch.nn.Module, path: str, label_set: LabelSet | None, data: Mapping[str, Any] | None
    ) -> None:
        self.network = network
        self.path = Path(path)
        self.label_set = label_set
        self.facts = {"settings": active_settings(), "labels": None if label_set is None else label_set.as_json()}
        if data:
            self.facts["data"] = dict(data)
        self.logger = logging.getLogger(__name__)

    def save(self, **facts: Any) -> None:
        """Write the weights, and beside them ``<name>.json``: facts, settings, hash, run, versions and date.

        NaN and infinity are written as null.

        Raises:
            OSError: If a file cannot be written; the message names it, and a former file stays.
        """
        save_weights(self.network, self.path)
        versions = {"swinx": __version__, "torch": torch.__version__}
        date = datetime.now(timezone.utc).isoformat(timespec="seconds")
        content = {**_finite(facts | self.facts), **versions, "date": date, "sha256": artefact_hash(self.path)}
        write_json(sidecar_path(self.path), content | provenance())


class BestModel(_SavedModel):
    """Handler that saves the network at each new best metric of the validator, with a sidecar.

    The comparison is the evaluator's own, so it survives a resumed training. The sidecar
    ``<name>.json`` holds epoch, metric, the mean Dice of each class, versions, date and the settings of the bundle.

    Args:
        network: The network itself, not its DDP wrapper.
        path: Where the weights go, e.g. ``models/model.pt``.
        label_set: Classes of the output, for the sidecar; None for a network without classes.
        data: Counts of the data, for the sidecar, see :func:`swinx.training.data_counts`.
        class_metric: Dice of all classes, of which the validator keeps details; without it there is none by class.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        path: str,
        label_set: LabelSet | None = None,
        data: Mapping[str, Any] | None = None,
        class_metric: str = "val_mean_dice",
    ) -> None:
        super().__init__(network, path, label_set, data)
        self.class_metric = class_metric

    def attach(self, engine: Workflow) -> None:
        """Listen to the validation engine."""
        engine.add_event_handler(Events.COMPLETED, self)

    def __call__(self, engine: Workflow) -> None:
        """Save if this validation was the best, on the first process only."""
        state = engine.state
        if idist.get_rank() != 0 or state.best_metric_epoch != state.epoch:
            return
        name, best = state.key_metric_name, float(state.best_metric)
        by_class = {}
        if self.label_set is not None and self.class_metric in state.metric_details:
            by_class = {"class_dice": class_means(engine, self.class_metric, self.label_set)}
        self.save(epoch=state.epoch, metric=name, value=best, **by_class)
        self.logger.info("epoch %d is the best so far: %s %.4f, saved to %s", state.epoch, name, best, self.path)


class LatestModel(_SavedModel):
    """Handler that saves a network at the end of epochs, with a sidecar that names the epoch.

    For trainings without validation. The sidecar ``<name>.json`` holds epoch, the trainer's metrics, versions, date and
    the bundle's settings. Attach it after whatever may stop a training that went wrong.

    Args:
        network: The network itself, not its data-parallel wrapper.
        path: Where the weights go, e.g. ``models/model.pt``.
        interval: Save every so many epochs; the last one is always saved, and the one at which the training is
            stopped in time.
        label_set: Classes of the output, for the sidecar; None for a network without classes.
        data: Counts of the data, for the sidecar, see :func:`swinx.training.data_counts`.

    Raises:
        ValueError: If the interval is below 1.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        path: str,
        interval: int = 1,
        label_set: LabelSet | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(network, path, label_set, data)
        self.interval = check_interval(interval)

    def attach(self, engine: Workflow) -> None:
        """Listen to the trainer."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Workflow) -> None:
        """Save, on the first process only."""
        state = engine.state
        if idist.get_rank() != 0 or not is_to_save(engine, self.interval):
            return
        metrics = {name: value for name, value in state.metrics.items() if isinstance(value, int | float)}
        self.save(epoch=state.epoch, max_epochs=state.max_epochs, metrics=metrics)
        self.logger.info("weights of epoch %d saved to %s", state.epoch, self.path)


def _finite(value: Any) -> Any:
    """Return a value with None in place of NaN and infinity, which JSON lacks."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value

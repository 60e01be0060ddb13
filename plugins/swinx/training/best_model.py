"""Handler that keeps the weights with the best validation."""

from __future__ import annotations

import logging
from pathlib import Path

import ignite.distributed as idist
import torch
from ignite.engine import Events
from monai.engines import Workflow

from swinx.bundle import settings_at_work
from swinx.labels import LabelSet
from swinx.networks import save_weights
from swinx.training.model_record import write_model_record

__all__ = ["BestModel"]


class BestModel:
    """Handler that saves the network at each new best metric of the validator, with a sidecar.

    The comparison is the evaluator's own, so it survives a resumed training. The sidecar
    ``<name>.json`` holds epoch, metric, versions, date and the settings of the bundle.

    Args:
        network: The network itself, not its DDP wrapper.
        path: Where the weights go, e.g. ``models/model.pt``.
        label_set: Classes of the output, for the sidecar; None for a network without classes.
    """

    def __init__(self, network: torch.nn.Module, path: str, label_set: LabelSet | None = None) -> None:
        self.network = network
        self.path = Path(path)
        self.settings = settings_at_work()
        self.labels = None if label_set is None else label_set.as_json()
        self.logger = logging.getLogger(__name__)

    def attach(self, engine: Workflow) -> None:
        """Listen to the validation engine."""
        engine.add_event_handler(Events.COMPLETED, self)

    def __call__(self, engine: Workflow) -> None:
        """Save if this validation was the best, on the first process only."""
        if idist.get_rank() != 0 or engine.state.best_metric_epoch != engine.state.epoch:
            return
        save_weights(self.network, self.path)
        write_model_record(
            self.path,
            epoch=engine.state.epoch,
            metric=engine.state.key_metric_name,
            value=float(engine.state.best_metric),
            settings=self.settings,
            labels=self.labels,
        )
        self.logger.info(
            "epoch %d is the best so far: %s %.4f, saved to %s",
            engine.state.epoch,
            engine.state.key_metric_name,
            engine.state.best_metric,
            self.path,
        )

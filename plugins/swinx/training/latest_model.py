"""Handler that keeps the weights of the last epoch, for trainings without validation."""

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
from swinx.training.save_interval import check_interval, is_to_save

__all__ = ["LatestModel"]


class LatestModel:
    """Handler that saves a network at the end of epochs, with a sidecar that names the epoch.

    The sidecar ``<name>.json`` holds epoch, the trainer's metrics, versions, date and the bundle's settings. Attach it
    after whatever may stop a training that went wrong.

    Args:
        network: The network itself, not its data-parallel wrapper.
        path: Where the weights go, e.g. ``models/model.pt``.
        interval: Save every so many epochs; the last one is always saved, and the one at which the training is
            stopped in time.
        label_set: Classes of the output, for the sidecar; None for a network without classes.

    Raises:
        ValueError: If the interval is below 1.
    """

    def __init__(
        self, network: torch.nn.Module, path: str, interval: int = 1, label_set: LabelSet | None = None
    ) -> None:
        self.network = network
        self.path = Path(path)
        self.settings = settings_at_work()
        self.labels = None if label_set is None else label_set.as_json()
        self.interval = check_interval(interval)
        self.logger = logging.getLogger(__name__)

    def attach(self, engine: Workflow) -> None:
        """Listen to the trainer."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Workflow) -> None:
        """Save, on the first process only.

        Raises:
            OSError: If the file cannot be written; the message names it, and a former file stays.
        """
        epoch = engine.state.epoch
        if idist.get_rank() != 0 or not is_to_save(engine, self.interval):
            return
        save_weights(self.network, self.path)
        metrics = {name: value for name, value in engine.state.metrics.items() if isinstance(value, int | float)}
        write_model_record(
            self.path,
            epoch=epoch,
            max_epochs=engine.state.max_epochs,
            metrics=metrics,
            settings=self.settings,
            labels=self.labels,
        )
        self.logger.info("weights of epoch %d saved to %s", epoch, self.path)

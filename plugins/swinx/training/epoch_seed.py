"""Handler that makes the randomness of an epoch depend on seed, epoch and process alone."""

from __future__ import annotations

from typing import Any

from ignite.engine import Engine, Events
from torch.utils.data import Dataset

from swinx.runs import seed_epoch

__all__ = ["EpochSeed"]


class EpochSeed:
    """Seed for each epoch, see :func:`swinx.runs.seed_epoch`.

    Args:
        seed: Seed of the whole training.
        dataset: Training data set, whose random transforms are seeded.
    """

    def __init__(self, seed: int, dataset: Dataset[Any] | None = None) -> None:
        self.seed = seed
        self.dataset = dataset

    def attach(self, engine: Engine) -> None:
        """Seed when an epoch of ``engine`` starts."""
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Seed for the epoch the engine is in."""
        seed_epoch(self.seed, engine.state.epoch, self.dataset)

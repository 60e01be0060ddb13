"""Randomness that depends on the epoch alone, so that a resumed run draws what an uninterrupted one drew."""

from __future__ import annotations

import random
from typing import Any

import ignite.distributed as idist
import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.data.utils import set_rnd
from torch.utils.data import Dataset

__all__ = ["EpochSeed"]

_RANK_STRIDE = 100_003
_MAX_SEED = 2**32


class EpochSeed:
    """Seed Python, NumPy, PyTorch and the data set's random transforms at the start of each epoch.

    Processes of a distributed training draw different numbers.

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
        seed = (self.seed + 1_000_003 * engine.state.epoch + _RANK_STRIDE * idist.get_rank()) % _MAX_SEED
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - MONAI and user transforms may draw from the global generator
        torch.manual_seed(seed)
        if self.dataset is not None:
            set_rnd(self.dataset, seed)

"""Seeds of an epoch, which make a resumed run draw the numbers of an uninterrupted one."""

from __future__ import annotations

import random
from typing import Any

import ignite.distributed as idist
import numpy as np
import torch
from monai.data.utils import set_rnd
from torch.utils.data import Dataset

__all__ = ["seed_epoch"]

_EPOCH_STRIDE = 1_000_003
_RANK_STRIDE = 100_003
_MAX_SEED = 2**32


def seed_epoch(seed: int, epoch: int, dataset: Dataset[Any] | None = None) -> None:
    """Seed Python, NumPy, PyTorch and the random transforms of a data set for one epoch.

    Processes of a distributed training get different seeds.

    Args:
        seed: Seed of the whole training.
        epoch: The epoch.
        dataset: Training data set, whose random transforms are seeded.
    """
    number = (seed + _EPOCH_STRIDE * epoch + _RANK_STRIDE * idist.get_rank()) % _MAX_SEED
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002 - MONAI and user transforms may draw from the global generator
    torch.manual_seed(number)
    if dataset is not None:
        set_rnd(dataset, number)

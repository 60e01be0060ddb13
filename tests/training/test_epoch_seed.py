"""EpochSeed: what an epoch draws depends on seed, epoch and process, and on nothing before it."""

from __future__ import annotations

import itertools
import random

import ignite.distributed as idist
import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.data import CacheDataset, DataLoader, Dataset
from monai.transforms import Compose, RandGaussianNoised, RandSpatialCropd

from swinx.training import EpochSeed

ITEMS = [{"image": torch.zeros(1, 6, 6, 6)} for _ in range(4)]


def draws(seed: int, epochs: int, burn: int = 0, loader=None) -> list[list[float]]:
    """Run an engine, with random numbers drawn after each epoch, and return what each epoch drew."""
    seen: list[list[float]] = []

    def step(engine, batch):
        row = [random.random(), float(np.random.rand()), float(torch.rand(()))]  # noqa: NPY002
        if loader is not None:
            row.append(float(batch["image"].double().sum()))
        if engine.state.iteration % engine.state.epoch_length == 1:
            seen.append([])
        seen[-1] += row

    engine = Engine(step)
    EpochSeed(seed, None if loader is None else loader.dataset).attach(engine)
    for _ in range(burn):
        random.random(), np.random.rand(), torch.rand(3)  # noqa: NPY002
    engine.run(loader if loader is not None else range(3), max_epochs=epochs)
    return seen


def noisy_loader(kind=Dataset, num_workers: int = 0):
    noise = Compose([RandSpatialCropd("image", 4, random_size=False), RandGaussianNoised("image", prob=1.0)])
    options = {"progress": False} if kind is CacheDataset else {}
    return DataLoader(kind(ITEMS, noise, **options), batch_size=1, shuffle=True, num_workers=num_workers)


def test_an_epoch_draws_the_same_whatever_was_drawn_before():
    assert draws(0, 3, burn=5) == draws(0, 3)


def test_a_run_that_starts_in_a_later_epoch_draws_what_that_epoch_draws():
    whole, late = draws(0, 4), []
    engine = Engine(lambda *_: late.append([random.random(), float(np.random.rand()), float(torch.rand(()))]))  # noqa: NPY002
    EpochSeed(0).attach(engine)
    engine.load_state_dict({"epoch_length": 3, "max_epochs": 4, "iteration": 6})
    engine.run(range(3), max_epochs=4)
    assert [*itertools.chain(*late)] == [*itertools.chain(*whole[2:])]


def test_epochs_seeds_and_processes_draw_differently(monkeypatch):
    rows = draws(0, 12) + draws(1, 12)
    for rank in range(1, 12):
        monkeypatch.setattr(idist, "get_rank", lambda rank=rank: rank)
        rows += draws(0, 12)
    numbers = np.array(rows)
    for generator in range(3):
        assert len(np.unique(numbers[:, generator])) == len(rows)


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("kind", [Dataset, CacheDataset])
def test_the_random_transforms_of_the_data_set_follow(kind, num_workers):
    one, two = (draws(0, 3, burn, noisy_loader(kind, num_workers)) for burn in (0, 5))
    assert one == two
    assert len({row[3] for row in one}) == 3, "epochs must differ"
    assert len(set(one[0][3::4])) == len(ITEMS), "items must differ"


def test_a_huge_seed_is_one_that_numpy_takes():
    assert len(draws(2**40 + 5, 2)) == 2

"""TimeLimit: the training ends between epochs, before the limit."""

from __future__ import annotations

import time

import pytest
import torch
from ignite.engine import Engine

from swinx.handlers import LatestModel, TimeLimit


def epochs_run(minutes: float | None, seconds_per_epoch: float = 0.1, max_epochs: int = 6) -> int:
    engine = Engine(lambda _engine, _batch: time.sleep(seconds_per_epoch / 2))
    TimeLimit(minutes).attach(engine)
    return engine.run([0, 1], max_epochs=max_epochs).epoch


def test_it_stops_before_the_epoch_that_would_pass_the_limit():
    assert 1 <= epochs_run(minutes=0.35 / 60) <= 3


def test_the_first_epoch_is_finished_however_short_the_limit():
    assert epochs_run(minutes=0.001 / 60) == 1


@pytest.mark.parametrize("minutes", [None, 60])
def test_without_need_nothing_is_cut(minutes):
    assert epochs_run(minutes, seconds_per_epoch=0.01) == 6


def test_a_limit_of_nothing_is_refused():
    with pytest.raises(ValueError, match="must be positive"):
        TimeLimit(0)


def test_the_epoch_at_which_it_stops_is_saved_whatever_the_interval(tmp_path):
    engine = Engine(lambda _engine, _batch: time.sleep(0.05))
    TimeLimit(0.001 / 60).attach(engine)
    LatestModel(torch.nn.Linear(1, 1), str(tmp_path / "model.pt"), interval=5).attach(engine)
    engine.run([0], max_epochs=6)
    assert '"epoch": 1' in (tmp_path / "model.json").read_text()


@pytest.mark.parametrize("interval", [0, -1, 1.5])
def test_an_interval_of_no_epochs_is_refused(tmp_path, interval):
    with pytest.raises(ValueError, match="save_interval must be a whole number"):
        LatestModel(torch.nn.Linear(1, 1), str(tmp_path / "model.pt"), interval=interval)

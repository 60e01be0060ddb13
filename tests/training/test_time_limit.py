"""TimeLimit: the training ends between epochs, before the limit."""

from __future__ import annotations

import time
from unittest.mock import create_autospec

import pytest
import torch
from ignite.engine import Engine, Events
from monai.engines import Evaluator

from swinx.training import EpochValidation, LatestModel, TimeLimit


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


def validated(interval: int, max_epochs: int, minutes: float | None = None) -> list[int]:
    """The epochs after which a validation runs."""
    epochs: list[int] = []
    engine = Engine(lambda _engine, _batch: time.sleep(0.02))
    TimeLimit(minutes).attach(engine)
    validator = create_autospec(Evaluator, instance=True)
    validator.run.side_effect = epochs.append
    EpochValidation(validator, interval).attach(engine)
    engine.run([0], max_epochs=max_epochs)
    return epochs


def test_the_last_epoch_is_validated_whatever_the_interval():
    assert validated(interval=3, max_epochs=8) == [3, 6, 8]
    assert validated(interval=9, max_epochs=2) == [2]


def test_the_epoch_at_which_it_stops_is_validated():
    assert validated(interval=5, max_epochs=8, minutes=0.001 / 60) == [1]


def test_the_time_of_a_validation_is_counted():
    engine = Engine(lambda _engine, _batch: None)
    TimeLimit(1.4 / 60).attach(engine)
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda: time.sleep(0.4))
    started = time.monotonic()
    epochs = engine.run([0], max_epochs=9).epoch
    assert time.monotonic() - started < 1.4
    assert epochs > 1

"""TimeLimit: the training ends between epochs, before the limit."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest
import torch
from ignite.engine import Engine, Events
from monai.engines import Evaluator

from swinx.training import EpochValidation, LatestModel, TimeLimit


class Clock:
    """Tells the seconds that the engines of a test pretend to take, however slow the machine is."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """Return seconds, as ``time.monotonic`` does."""
        return self.now

    def engine(self, seconds_per_step: float) -> Engine:
        """Return an engine whose steps take so long."""
        return Engine(lambda _engine, _batch: self.take(seconds_per_step))

    def take(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time for all that the handler sees."""
    told = Clock()
    monkeypatch.setattr("swinx.training.time_limit.time", SimpleNamespace(monotonic=told.monotonic))
    return told


def epochs_run(clock: Clock, minutes: float | None, seconds_per_epoch: float = 10) -> int:
    engine = clock.engine(seconds_per_epoch / 2)
    TimeLimit(minutes).attach(engine)
    return engine.run([0, 1], max_epochs=6).epoch


def test_it_stops_before_the_epoch_that_would_pass_the_limit(clock):
    assert epochs_run(clock, minutes=35 / 60) == 3
    assert epochs_run(clock, minutes=40 / 60) == 4, "an epoch that ends with the limit is still run"


def test_the_first_epoch_is_finished_however_short_the_limit(clock):
    assert epochs_run(clock, minutes=0.001 / 60) == 1


@pytest.mark.parametrize("minutes", [None, 60])
def test_without_need_nothing_is_cut(clock, minutes):
    assert epochs_run(clock, minutes) == 6


def test_a_limit_of_nothing_is_refused():
    with pytest.raises(ValueError, match="must be positive"):
        TimeLimit(0)


def test_the_epoch_at_which_it_stops_is_saved_whatever_the_interval(clock, tmp_path):
    engine = clock.engine(0.05)
    TimeLimit(0.001 / 60).attach(engine)
    LatestModel(torch.nn.Linear(1, 1), str(tmp_path / "model.pt"), interval=5).attach(engine)
    engine.run([0], max_epochs=6)
    assert '"epoch": 1' in (tmp_path / "model.json").read_text()


@pytest.mark.parametrize("interval", [0, -1, 1.5])
def test_an_interval_of_no_epochs_is_refused(tmp_path, interval):
    with pytest.raises(ValueError, match="save_interval must be a whole number"):
        LatestModel(torch.nn.Linear(1, 1), str(tmp_path / "model.pt"), interval=interval)


def validated(clock: Clock, interval: int, max_epochs: int, minutes: float | None = None) -> list[int]:
    """The epochs after which a validation runs."""
    epochs: list[int] = []
    engine = clock.engine(0.02)
    TimeLimit(minutes).attach(engine)
    validator = create_autospec(Evaluator, instance=True)
    validator.run.side_effect = epochs.append
    EpochValidation(validator, interval).attach(engine)
    engine.run([0], max_epochs=max_epochs)
    return epochs


def test_the_last_epoch_is_validated_whatever_the_interval(clock):
    assert validated(clock, interval=3, max_epochs=8) == [3, 6, 8]
    assert validated(clock, interval=9, max_epochs=2) == [2]


def test_the_epoch_at_which_it_stops_is_validated(clock):
    assert validated(clock, interval=5, max_epochs=8, minutes=0.001 / 60) == [1]


def test_the_time_of_a_validation_is_counted(clock):
    engine = clock.engine(0)
    TimeLimit(1.4 / 60).attach(engine)
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda: clock.take(0.4))
    started = clock.now
    epochs = engine.run([0], max_epochs=9).epoch
    assert clock.now - started < 1.4
    assert epochs > 1

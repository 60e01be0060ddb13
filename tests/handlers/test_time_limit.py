"""TimeLimit: the training ends between epochs, before the limit."""

from __future__ import annotations

import time

import pytest
from ignite.engine import Engine

from swinx.handlers import TimeLimit


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

"""ExpectedEnd: a pace that is measured, and an end that follows from it."""

from __future__ import annotations

import logging
import re
import time

import pytest
import torch
from ignite.engine import Engine

from swinx.handlers import ExpectedEnd


def lines(caplog: pytest.LogCaptureFixture, steps: int, epochs: int, length: int) -> list[str]:
    engine = Engine(lambda _engine, _batch: time.sleep(0.02))
    ExpectedEnd(steps).attach(engine)
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="swinx"):
        engine.run([{"image": torch.zeros(3, 1), "case": ["a", "b", "c"]}] * length, max_epochs=epochs)
    return [record.getMessage() for record in caplog.records if record.name.startswith("swinx")]


def test_the_pace_counts_patches_and_the_end_all_epochs(caplog):
    first, *rest = lines(caplog, steps=4, epochs=5, length=10)
    pace = float(re.search(r": (\S+) patches per second; 5 epochs of 10 steps take about 0:00:0", first)[1])
    assert 15 < pace < 151, "3 patches in 0.02 s at most; a busy machine is slower"
    assert len(rest) == 4
    assert rest[-1].startswith("epoch 4 of 5 is done; about 0:00:00 left, until ")


def test_a_training_of_fewer_steps_tells_nothing(caplog):
    assert lines(caplog, steps=5, epochs=1, length=3) == []

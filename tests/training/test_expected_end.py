"""ExpectedEnd: a pace that is measured, and an end that follows from it."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
import torch
from ignite.engine import Engine

from swinx.training import ExpectedEnd


def lines(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, steps: int, epochs: int, length: int
) -> list[str]:
    clock = [100.0]

    def step(_engine, _batch):
        clock[0] += 2.0

    monkeypatch.setattr("swinx.training.expected_end.time", SimpleNamespace(monotonic=lambda: clock[0]))
    engine = Engine(step)
    engine.state.device = torch.device("cpu")
    ExpectedEnd(steps).attach(engine)
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="swinx"):
        engine.run([{"image": torch.zeros(3, 1), "case": ["a", "b", "c"]}] * length, max_epochs=epochs)
    return [record.getMessage() for record in caplog.records if record.name.startswith("swinx")]


def test_the_pace_counts_patches_and_the_end_all_epochs(caplog, monkeypatch):
    begin, first, *rest = lines(caplog, monkeypatch, steps=4, epochs=5, length=10)
    assert (
        begin
        == f"training on cpu ({torch.get_num_threads()} threads): 5 epochs of 10 steps; the pace follows after 5 steps"
    )
    assert ": 1.5 patches per second; 5 epochs of 10 steps take about 0:01:30 without validation" in first
    assert len(rest) == 4
    assert rest[-1].startswith("epoch 4 of 5 is done; about 0:00:20 left, until ")


def test_a_training_of_fewer_steps_tells_its_device_alone(caplog, monkeypatch):
    (line,) = lines(caplog, monkeypatch, steps=5, epochs=1, length=3)
    assert line.startswith("training on cpu ")

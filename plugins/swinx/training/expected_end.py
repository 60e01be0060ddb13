"""Pace and expected end of a training."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events

__all__ = ["ExpectedEnd"]


class ExpectedEnd:
    """Handler that logs device, patches per second and expected end, and the remaining time after each epoch.

    The first line of a training says the device and how long the training is in epochs and steps, the second one after
    the first steps the pace and the end.

    The estimate after the first steps counts training alone; from the end of the first epoch on, it includes what
    other handlers do between epochs, such as validation.

    Args:
        steps: Measure so many steps, after the first one, which allocates memory and fills caches.
    """

    def __init__(self, steps: int = 5) -> None:
        self.steps = steps
        self.logger = logging.getLogger(__name__)
        self._first = self._epoch_started = 0.0
        self._counted = self._patches = 0

    def attach(self, engine: Engine) -> None:
        """Listen to the trainer, on the first process only."""
        if idist.get_rank() == 0:
            engine.add_event_handler(Events.STARTED, self._begin)
            engine.add_event_handler(Events.ITERATION_COMPLETED, self._count)
            engine.add_event_handler(Events.EPOCH_STARTED, self._tell_rest)

    def _begin(self, engine: Engine) -> None:
        self._first = self._epoch_started = 0.0
        self._counted = self._patches = 0
        self.logger.info(
            "training on %s: %s epochs of %s steps; the pace follows after %d steps",
            _device_name(getattr(engine.state, "device", None)),
            engine.state.max_epochs,
            engine.state.epoch_length,
            self.steps + 1,
        )

    def _count(self, engine: Engine) -> None:
        if self._counted > self.steps:
            return
        if self._counted == 0:
            self._first = time.monotonic()
        else:
            self._patches += _batch_size(engine.state.batch)
        self._counted += 1
        if self._counted > self.steps:
            taken = (time.monotonic() - self._first) / self.steps
            left = taken * ((engine.state.max_epochs or 0) * (engine.state.epoch_length or 0) - engine.state.iteration)
            self.logger.info(
                "on %s: %.3g patches per second; %d epochs of %d steps take about %s without validation, until %s",
                getattr(engine.state, "device", "unknown device"),
                self._patches / (taken * self.steps),
                engine.state.max_epochs,
                engine.state.epoch_length,
                _duration(left),
                _clock(left),
            )

    def _tell_rest(self, engine: Engine) -> None:
        now = time.monotonic()
        if self._epoch_started:
            left = (now - self._epoch_started) * ((engine.state.max_epochs or 0) - engine.state.epoch + 1)
            done, total = engine.state.epoch - 1, engine.state.max_epochs
            self.logger.info(
                "epoch %d of %d is done; about %s left, until %s", done, total, _duration(left), _clock(left)
            )
        self._epoch_started = now


def _device_name(device: torch.device | None) -> str:
    """Return a device as a reader knows it: the model of the GPU, the number of threads of the processor."""
    if device is None:
        return "unknown device"
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({torch.get_num_threads()} threads)" if device.type == "cpu" else str(device)


def _batch_size(batch: Any) -> int:
    """Return the number of patches in a batch of any nesting: the length of its first tensor."""
    if isinstance(batch, torch.Tensor):
        return len(batch)
    inner = (
        list(batch.values()) if isinstance(batch, Mapping) else list(batch) if isinstance(batch, list | tuple) else []
    )
    return next((size for value in inner if (size := _batch_size(value))), 0)


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds))) if seconds < 86400 else f"{seconds / 86400:.1f} days"


def _clock(seconds: float) -> str:
    return f"{datetime.now().astimezone() + timedelta(seconds=seconds):%Y-%m-%d %H:%M}"

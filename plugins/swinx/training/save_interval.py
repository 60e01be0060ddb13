"""Intervals of epochs at which to save."""

from __future__ import annotations

from ignite.engine import Engine

__all__ = ["check_interval", "is_to_save"]


def check_interval(interval: int) -> int:
    """Return an interval of epochs, checked.

    Raises:
        ValueError: If it is not a whole number from 1 up.
    """
    if interval != int(interval) or interval < 1:
        raise ValueError(f"an interval of {interval} epochs is none; save_interval must be a whole number from 1 up")
    return int(interval)


def is_to_save(engine: Engine, interval: int) -> bool:
    """Return whether to save after this epoch.

    It is every ``interval`` epochs, after the last one, and after the one at which the training is stopped in time
    (:class:`swinx.training.TimeLimit`, attached before); not while
    :class:`swinx.pretraining.CollapseDetector` has its doubts, so that the last saved epoch is a good one.
    """
    if getattr(engine.state, "suspicious_epochs", 0):
        return False
    epoch: int = engine.state.epoch
    return epoch % interval == 0 or epoch == engine.state.max_epochs or bool(getattr(engine, "should_terminate", False))

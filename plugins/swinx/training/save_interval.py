"""Intervals of epochs at which to save and to validate."""

from __future__ import annotations

from ignite.engine import Engine, Events
from monai.engines import Evaluator
from monai.handlers import ValidationHandler

__all__ = ["EpochValidation", "check_interval", "is_to_save"]


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


class EpochValidation(ValidationHandler):
    """MONAI's ``ValidationHandler`` that also validates the last epoch.

    That is the last of ``max_epochs``, whatever the interval, and the one after which a handler that was attached
    before (:class:`swinx.training.TimeLimit`) ends the training. Otherwise the epochs since the last validation would
    be lost: only weights that were validated are kept as the best.

    Args:
        validator: The validation engine.
        interval: Validate every so many epochs, counted from 1.

    Raises:
        ValueError: If the interval is less than 1.
    """

    def __init__(self, validator: Evaluator, interval: int = 1) -> None:
        if interval < 1:
            raise ValueError(f"val_interval must be 1 or more, not {interval}")
        super().__init__(interval=interval, validator=validator)

    def attach(self, engine: Engine) -> None:
        """Listen to the trainer."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._validate_in_turn)

    def _validate_in_turn(self, engine: Engine) -> None:
        if is_to_save(engine, self.interval):
            self(engine)

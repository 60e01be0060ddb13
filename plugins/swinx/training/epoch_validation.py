"""Validation at an interval of epochs, and after the last one."""

from __future__ import annotations

from ignite.engine import Engine, Events
from monai.engines import Evaluator
from monai.handlers import ValidationHandler

from swinx.training.save_interval import is_to_save

__all__ = ["EpochValidation"]


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

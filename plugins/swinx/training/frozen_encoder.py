"""Handler that keeps the encoder as it is for the first epochs of a training."""

from __future__ import annotations

from ignite.engine import Engine, Events
from torch import nn

__all__ = ["FrozenEncoder"]


class FrozenEncoder:
    """Handler that trains the decoder alone for some epochs, so that its first, random gradients spoil no encoder.

    Parameters without gradient are left alone by the optimiser, weight decay included. The epoch alone decides, so a
    resumed training needs no state of this handler.

    Args:
        encoder: The encoder.
        epochs: Epochs in which it is frozen; 0 for none.

    Raises:
        ValueError: If ``epochs`` is negative.
    """

    def __init__(self, encoder: nn.Module, epochs: int) -> None:
        if epochs < 0:
            raise ValueError(f"freeze_encoder_epochs must not be negative, not {epochs}")
        self.encoder = encoder
        self.epochs = epochs

    def attach(self, engine: Engine) -> None:
        """Listen to the trainer."""
        if self.epochs:
            engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Freeze the encoder, or let it go on, for the epoch that begins."""
        self.encoder.requires_grad_(engine.state.epoch > self.epochs)

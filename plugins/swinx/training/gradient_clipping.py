"""Handler that bounds the norm of the gradients of a step."""

from __future__ import annotations

from monai.engines import IterationEvents, SupervisedTrainer, Workflow
from torch import nn

__all__ = ["GradientClipping"]


class GradientClipping:
    """Handler that scales the gradients of a step down to a largest joint norm.

    Attach it to a MONAI trainer; it acts between the backward pass and the optimiser's step. Gradients that a scaler
    enlarged for half precision are first brought back to their size.

    Args:
        max_norm: Largest norm of all gradients together; None for no bound.

    Raises:
        ValueError: If the bound is not positive.
    """

    def __init__(self, max_norm: float | None) -> None:
        if max_norm is not None and max_norm <= 0:
            raise ValueError(f"max_gradient_norm must be positive, not {max_norm}")
        self.max_norm = max_norm

    def attach(self, engine: Workflow) -> None:
        """Listen to the trainer."""
        if self.max_norm is not None:
            engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self, self.max_norm)

    def __call__(self, engine: SupervisedTrainer, max_norm: float) -> None:
        """Scale the gradients of this step to a largest norm."""
        optimizer, scaler = engine.optimizer, getattr(engine, "scaler", None)
        if scaler is not None and scaler.is_enabled():
            scaler.unscale_(optimizer)
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(parameters, max_norm)

"""What is done to gradients between the backward pass and the step."""

from __future__ import annotations

from typing import Any

import torch
from monai.engines import Workflow
from monai.engines.utils import IterationEvents
from torch import nn

from swinx.pretraining.distillation_head import PrototypeLayer

__all__ = ["FreezePrototypes", "GradientClipping"]


class GradientClipping:
    """Scale the gradients down so that their joint L2 norm stays within a bound.

    For trainers that unscale gradients before ``BACKWARD_COMPLETED``, such as :class:`swinx.pretraining.SmitTrainer`.
    The norm before clipping is added to the step's ``scalars`` as ``gradient_norm``.

    Note:
        iBOT clips each parameter at 3.0 by itself, which hardly ever acts; the joint norm, as PyTorch clips it, keeps
        the direction of the step.

    Args:
        network: Its parameters' gradients are clipped together.
        max_norm: The bound; None to measure only.

    Raises:
        ValueError: If the bound is not positive.
    """

    def __init__(self, network: nn.Module, max_norm: float | None = 3.0) -> None:
        if max_norm is not None and max_norm <= 0:
            raise ValueError(f"the gradients' norm can be bound by a positive number only, not {max_norm}")
        self.network = network
        self.max_norm = max_norm

    def attach(self, engine: Workflow) -> None:
        """Listen to the trainer."""
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self)

    def __call__(self, engine: Workflow) -> None:
        """Clip."""
        bound = float("inf") if self.max_norm is None else self.max_norm
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), bound)
        scalars: dict[str, Any] = engine.state.output[0]["scalars"]
        scalars["gradient_norm"] = float(norm)


class FreezePrototypes:
    """Cancel the gradients of the heads' last layers in the first epochs.

    Without a gradient an optimiser leaves the parameter as it is, weight decay included. Attach it after the clipping.

    Args:
        network: The network with the heads.
        epochs: For how many epochs.

    Reference:
        DINO, https://arxiv.org/abs/2104.14294, appendix on the projection head.
    """

    def __init__(self, network: nn.Module, epochs: int = 1) -> None:
        layers = [module for module in network.modules() if isinstance(module, PrototypeLayer)]
        self.parameters: list[torch.nn.Parameter] = [parameter for layer in layers for parameter in layer.parameters()]
        self.epochs = epochs

    def attach(self, engine: Workflow) -> None:
        """Listen to the trainer."""
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self)

    def __call__(self, engine: Workflow) -> None:
        """Cancel, if the epoch is one of the first."""
        if engine.state.epoch <= self.epochs:
            for parameter in self.parameters:
                parameter.grad = None

"""A network whose attention cannot be scripted, traced where somebody scripts it."""

from __future__ import annotations

import copy
import warnings

import torch
from torch import Tensor, nn

__all__ = ["Traced", "trace_for_script"]

_WINDOW = (96, 96, 96)


class Traced(nn.Module):
    """A traced network in a module that can be scripted.

    Args:
        network: The traced network.
    """

    def __init__(self, network: torch.jit.ScriptModule) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Return what the network gives."""
        output: Tensor = self.network(image)
        return output


def trace_for_script(network: nn.Module, in_channels: int) -> Traced:
    """Trace a network for the window of the paper, where ``torch.jit.script`` asks for something to compile.

    ``ckpt_export`` scripts unless it is given ``--use_trace True``, and the checks of the Model Zoo do not give it. The
    result takes batches of windows of 96 x 96 x 96 voxels and of no other size, and says so in a warning.

    Args:
        network: The network; a copy in evaluation mode is traced.
        in_channels: Channels of its image.
    """
    warnings.warn(
        f"{type(network).__name__} is traced, not scripted: the result takes windows of 96 x 96 x 96 alone. For "
        "another size: ckpt_export --use_trace True --input_shape '[1, 1, 64, 64, 64]'",
        stacklevel=3,
    )
    like = next(network.parameters())
    image = torch.zeros(1, in_channels, *_WINDOW, dtype=like.dtype, device=like.device)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about sizes that become constants
        frozen = copy.deepcopy(network).eval()
        traced: torch.jit.ScriptModule = torch.jit.trace(frozen, image, check_trace=False)  # type: ignore[no-untyped-call]
    return Traced(traced)

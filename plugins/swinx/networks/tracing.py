"""A network whose attention cannot be scripted, traced where somebody scripts it."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["Traced", "trace_for_script"]


class Traced(nn.Module):
    """A traced network in a module that can be scripted, and that refuses what it was not traced for.

    Args:
        network: The traced network.
        window: Sides of the images that it was traced for.
    """

    def __init__(self, network: torch.jit.ScriptModule, window: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self.window: list[int] = [int(side) for side in window]

    def forward(self, image: Tensor) -> Tensor:
        """Return what the network gives.

        Raises:
            ValueError: If the image has other sides; ``torch.jit.Error`` once it is scripted.
        """
        if list(image.shape[2:]) != self.window:
            raise ValueError(
                f"this network was traced for images of {self.window} voxels, not {image.shape}: trace it again"
            )
        output: Tensor = self.network(image)
        return output


def trace_for_script(network: nn.Module, in_channels: int, window: Sequence[int]) -> Traced:
    """Trace a network for windows of one size, where ``torch.jit.script`` asks for something to compile.

    ``ckpt_export`` scripts unless it is given ``--use_trace True``, and the checks of the Model Zoo do not give it. The
    result takes batches of windows of this size, says so in a warning, and refuses others.

    Args:
        network: The network; a copy in evaluation mode is traced.
        in_channels: Channels of its image.
        window: Sides of its image.
    """
    sides = " x ".join(map(str, window))
    warnings.warn(
        f"{type(network).__name__} is traced, not scripted: the result takes windows of {sides} alone. For another "
        "size: ckpt_export --use_trace True --input_shape '[1, 1, 64, 64, 64]'",
        stacklevel=3,
    )
    like = next(network.parameters())
    image = torch.zeros(1, in_channels, *window, dtype=like.dtype, device=like.device)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about sizes that become constants
        frozen = copy.deepcopy(network).eval()
        traced: torch.jit.ScriptModule = torch.jit.trace(frozen, image, check_trace=False)  # type: ignore[no-untyped-call]
    return Traced(traced, window)

"""Tracing in place of scripting, for a network whose attention cannot be scripted."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Traced", "trace_for_script", "window_sides"]


class Traced(nn.Module):
    """Traced network that can be scripted; it refuses windows of other shapes.

    Traced alone it would take them, and give other scores than the network: the masks of shifted windows are constants
    of a trace.

    Args:
        network: The traced network.
        shape: Channels and sides ``(C, X, Y, Z)`` that it was traced for.
    """

    __constants__ = ("channels", "sides")

    def __init__(self, network: torch.jit.ScriptModule, shape: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self.channels = shape[0]
        self.sides = window_sides(shape[1:])

    def forward(self, image: Tensor) -> Tensor:
        """Return the network's output for a batch ``(B, C, X, Y, Z)``.

        Raises:
            ValueError: If it is for windows of another shape; ``torch.jit.Error`` once it is scripted.
        """
        x, y, z = self.sides
        if list(image.shape[1:]) != [self.channels, x, y, z]:
            raise ValueError(
                f"image {list(image.shape)}: this network was exported for windows of {[self.channels, x, y, z]} "
                "(channels first) alone; cut such windows, or export it again for these: swinx export --roi_size ..., "
                "or python -m monai.bundle ckpt_export --network_def#script_window ..."
            )
        output: Tensor = self.network(image)
        return output


def trace_for_script(network: nn.Module, shape: Sequence[int]) -> Traced:
    """Trace a network for windows of one shape, when ``torch.jit.script`` compiles it.

    ``ckpt_export`` scripts unless it is given ``--use_trace True``, and the checks of the Model Zoo do not give it. The
    result takes batches of these windows and no others, and says so in a warning.

    Args:
        network: The network; a copy in evaluation mode is traced.
        shape: Channels and sides ``(C, X, Y, Z)`` of its windows.
    """
    sides = " x ".join(map(str, shape[1:]))
    warnings.warn(
        f"{type(network).__name__} is traced, not scripted: the result takes windows of {sides} alone; for others: "
        "ckpt_export --network_def#script_window '[64,64,64]'",
        stacklevel=3,
    )
    like = next(network.parameters())
    image = torch.zeros(1, *shape, dtype=like.dtype, device=like.device)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about sizes that become constants
        frozen = copy.deepcopy(network).eval()
        traced: torch.jit.ScriptModule = torch.jit.trace(frozen, image, check_trace=False)  # type: ignore[no-untyped-call]
    return Traced(traced, shape)


def window_sides(value: Any) -> tuple[int, int, int]:
    """Return the sides of a window in voxels, checked.

    Raises:
        ValueError: If there are not three positive whole numbers.

    Examples:
        >>> window_sides([96, 96, 64])
        (96, 96, 64)
    """
    whole = isinstance(value, Sequence) and all(isinstance(side, int) and not isinstance(side, bool) for side in value)
    if not whole or len(value) != 3 or min(value) < 1:
        raise ValueError(f"{value!r} must be three sides of a window in voxels, such as [96, 96, 96]")
    return (value[0], value[1], value[2])

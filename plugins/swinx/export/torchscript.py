"""TorchScript, by tracing; scripting fails for Swin blocks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from monai.networks.utils import convert_to_torchscript
from torch import Tensor, nn

from swinx.networks import Traced

__all__ = ["load_torchscript", "write_torchscript"]


def write_torchscript(network: nn.Module, example: Tensor, path: Path) -> None:
    """Trace a network in evaluation mode, as MONAI's ``ckpt_export --use_trace True`` does; other windows are refused.

    Args:
        network: Left as it is.
        example: An input ``(1, C, X, Y, Z)``; its sides are those that the file will take.
        path: The file.
    """
    # The tracer's own check runs the network three more times and is looser than the one that follows.
    traced: Any = convert_to_torchscript(network, inputs=[example], use_trace=True, check_trace=False)
    torch.jit.save(torch.jit.script(Traced(traced, example.shape[1:])), str(path))


def load_torchscript(path: Path) -> Callable[[Tensor], Tensor]:
    """Return the network of a file, on the CPU."""
    loaded: Callable[[Tensor], Tensor] = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    return loaded

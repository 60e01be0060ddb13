"""The two formats of PyTorch: TorchScript, by tracing, and the graph of ``torch.export``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from monai.networks.utils import convert_to_torchscript
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from swinx.networks import Traced

__all__ = [
    "MAX_BATCH",
    "load_torch_export",
    "load_torchscript",
    "trace_program",
    "write_torch_export",
    "write_torchscript",
]

MAX_BATCH = 64
"""Most windows in one call of a graph whose batch is variable."""


@torch.no_grad()
def trace_program(network: nn.Module, example: Tensor) -> ExportedProgram:
    """Return the graph of a network for windows of one size, in batches of 1 to :data:`MAX_BATCH`.

    Args:
        network: In evaluation mode; its parameters must not require gradients.
        example: An input ``(1, C, X, Y, Z)``.
    """
    # A batch of one would be taken for a constant.
    return torch.export.export(
        network, (torch.cat([example, example]),), dynamic_shapes=({0: Dim("batch", min=1, max=MAX_BATCH)},)
    )


def write_torch_export(network: nn.Module, example: Tensor, path: Path) -> None:
    """Write the graph of a network; arguments as those of :func:`trace_program`, and the file."""
    torch.export.save(trace_program(network, example), path)


def load_torch_export(path: Path) -> Callable[[Tensor], Tensor]:
    """Return the network of a file, on the device it was exported on."""
    return torch.export.load(path).module()


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

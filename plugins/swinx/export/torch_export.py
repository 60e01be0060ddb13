"""The format of ``torch.export``: a graph of PyTorch's own operators, with weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

__all__ = ["MAX_BATCH", "load_torch_export", "trace_program", "write_torch_export"]

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

"""Formats that PyTorch exports: TorchScript, by tracing, the graph of ``torch.export``, and ONNX."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.networks.utils import convert_to_torchscript
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from swinx.errors import ExportError
from swinx.networks import Traced

__all__ = [
    "MAX_BATCH",
    "load_onnx",
    "load_torch_export",
    "load_torchscript",
    "trace_program",
    "write_onnx",
    "write_onnx_settings",
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


def write_onnx(network: nn.Module, example: Tensor, path: Path) -> None:
    """Write a network as one ONNX file with input ``image`` and output ``pred``, and a variable batch.

    Args:
        network: In evaluation mode; its parameters must not require gradients.
        example: An input ``(1, C, X, Y, Z)``; its sides are those that the file will take.
        path: The file.

    Raises:
        ExportError: If onnx or onnxscript is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ExportError(f"ONNX needs onnx and onnxscript ({error}): pip install onnx onnxscript") from error
    with _quiet("torch.onnx", "onnx_ir", "onnxscript"):
        torch.onnx.export(
            trace_program(network, example),
            (torch.cat([example, example]),),
            path,
            input_names=["image"],
            output_names=["pred"],
            external_data=False,
            dynamo=True,
            verbose=False,
        )


def write_onnx_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Write settings into the metadata of an ONNX file, as JSON under ``swinx``."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"swinx": json.dumps(dict(settings))})
    onnx.save(model, path)


def load_onnx(path: Path) -> Callable[[Tensor], Tensor]:
    """Return the network of a file, on the CPU, with as many threads as PyTorch has.

    Raises:
        ExportError: If onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ExportError(f"running ONNX needs onnxruntime ({error}): pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(image: Tensor) -> Tensor:
        (scores,) = session.run(None, {name: np.ascontiguousarray(image.cpu().numpy())})
        return torch.from_numpy(scores)

    return run


@contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Keep back what loggers say below errors: which operators they rewrite, and that torchvision is not there."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

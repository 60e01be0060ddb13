"""ONNX, and running it by onnxruntime."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from swinx.errors import ExportError
from swinx.export.torch_formats import trace_program

__all__ = ["load_onnx", "write_onnx"]


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

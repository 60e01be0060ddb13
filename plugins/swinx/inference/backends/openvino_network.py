"""OpenVINO: the network on CPUs, in the place of the bundle's own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from swinx.errors import ExportError
from swinx.inference.backends.openvino_package import compile_for_cpu, import_openvino

__all__ = ["OpenVINONetwork", "check_window", "exported_file", "load_openvino", "write_openvino"]


def write_openvino(network: nn.Module, example: Tensor, path: Path) -> None:
    """Write a network as OpenVINO's ``.xml`` with a ``.bin`` of the weights, in single precision, beside it.

    Args:
        network: In evaluation mode; its parameters must not require gradients.
        example: An input ``(1, C, X, Y, Z)``; its sides are those that the file will take.
        path: The ``.xml``.

    Raises:
        ExportError: If openvino is not installed.
    """
    openvino = import_openvino()
    model = openvino.convert_model(network, example_input=example)
    model.reshape([-1, *example.shape[1:]])
    openvino.save_model(model, path, compress_to_fp16=False)


def load_openvino(path: Path) -> OpenVINONetwork:
    """Return the network of a file, whatever windows it takes."""
    return OpenVINONetwork(path)


class OpenVINONetwork(nn.Module):
    """A network that OpenVINO runs on the CPU, in single precision, with as many threads as PyTorch has.

    Args:
        path: The ``.xml`` that ``swinx export --to openvino`` wrote, with its ``.bin`` beside it, or an ONNX file.
        roi_size: Sides of the windows that it shall be given; not checked by default.
        in_channels: Channels that it shall be given, checked with ``roi_size``.
        out_channels: Classes that it shall return, checked with ``roi_size``.

    Raises:
        ExportError: If openvino is not installed, the file is missing or not a model, or takes other windows.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        roi_size: Sequence[int] | None = None,
        in_channels: int = 1,
        out_channels: int = 15,
    ) -> None:
        super().__init__()
        openvino = import_openvino()
        file = exported_file(path, "openvino")
        core = openvino.Core()
        try:
            model = core.read_model(file)
            (image,), (pred,) = model.inputs, model.outputs
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise ExportError(
                f"{file}: not a network that OpenVINO can read ({reason}); write it with swinx export --to openvino"
            ) from error
        if roi_size is not None:
            check_window(file, _sizes(image), _sizes(pred), (in_channels, *roi_size), (out_channels, *roi_size))
        self._run = compile_for_cpu(model)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits ``(B, classes, X, Y, Z)`` of windows ``(B, C, X, Y, Z)``, on their device."""
        plain = np.ascontiguousarray(image.detach().cpu().float().numpy())
        return torch.from_numpy(self._run(plain)[0].copy()).to(image.device)


def _sizes(port: Any) -> list[int | None]:
    """Return channels and sides of an input or output, None for what is variable."""
    return [side.get_length() if side.is_static else None for side in port.get_partial_shape()][1:]


def exported_file(path: str | os.PathLike[str], to: str) -> Path:
    """Return the file of an exported network.

    Args:
        path: The file.
        to: Its format, as ``swinx export --to`` takes it.

    Raises:
        ExportError: If there is no such file; the message says how to write it.
    """
    file = Path(path)
    if not file.is_file():
        raise ExportError(f"{file}: no such file; write it with swinx export --to {to}, and give --exported")
    return file


def check_window(
    path: str | os.PathLike[str],
    found_in: Sequence[int | None],
    found_out: Sequence[int | None],
    wanted_in: Sequence[int],
    wanted_out: Sequence[int],
) -> None:
    """Refuse an exported network for other windows or other classes than a workflow's.

    Args:
        path: The file, for the message.
        found_in: Channels and sides ``(C, X, Y, Z)`` that it takes; None for what is variable.
        found_out: Channels and sides that it returns.
        wanted_in: Channels and sides of the workflow's windows.
        wanted_out: The workflow's classes and the same sides.

    Raises:
        ExportError: If they differ; the message has both.
    """
    if not _fits(found_in, wanted_in):
        raise ExportError(
            f"{os.fspath(path)}: was exported for windows of {_text(found_in)} voxels (channels first), this "
            f"workflow's are {_text(wanted_in)}; give the roi_size it was exported for, or export it again for this one"
        )
    if not _fits(found_out, wanted_out):
        raise ExportError(
            f"{os.fspath(path)}: returns {_text(found_out)} (classes first), this workflow needs {_text(wanted_out)}; "
            "it is another network: export the one of this bundle"
        )


def _fits(found: Sequence[int | None], wanted: Sequence[int]) -> bool:
    return len(found) == len(wanted) and all(a is None or a == b for a, b in zip(found, wanted, strict=True))


def _text(sizes: Sequence[int | None]) -> str:
    return " x ".join("any" if size is None else str(size) for size in sizes)

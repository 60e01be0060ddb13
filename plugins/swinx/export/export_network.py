"""Exports of a network; a file is kept only if its logits agree with those of the network."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.jit import TracerWarning  # type: ignore[attr-defined] # not in its __all__

from swinx import __version__
from swinx.errors import ExportError
from swinx.export.agreement import Agreement, measure_agreement, probe_windows
from swinx.export.torch_formats import (
    load_onnx,
    load_torch_export,
    load_torchscript,
    write_onnx,
    write_onnx_settings,
    write_torch_export,
    write_torchscript,
)
from swinx.files import write_several_atomic
from swinx.inference import load_openvino, write_openvino
from swinx.tracking import write_sidecar

__all__ = ["FORMATS", "SAME_LABELS", "TOLERANCE", "Format", "export_network", "format_of"]

TOLERANCE = 1e-3
"""Largest difference of a class score that is let pass by default."""

SAME_LABELS = 0.9999
"""Least share of voxels that must get the same class."""


class Format(NamedTuple):
    """A kind of file.

    Attributes:
        suffix: How its name ends.
        write: Called with network, an example ``(1, C, X, Y, Z)`` and the file.
        load: Returns the network of a file.
        packages: What is worth recording the versions of.
    """

    suffix: str
    write: Callable[[nn.Module, Tensor, Path], None]
    load: Callable[[Path], Callable[[Tensor], Tensor]]
    packages: tuple[str, ...] = ()


FORMATS: Mapping[str, Format] = {
    "torchscript": Format(".ts", write_torchscript, load_torchscript),
    "onnx": Format(".onnx", write_onnx, load_onnx, ("onnx", "onnxruntime", "onnxscript")),
    "torch_export": Format(".pt2", write_torch_export, load_torch_export),
    "openvino": Format(".xml", write_openvino, load_openvino, ("openvino",)),
}
"""The formats by the name that ``swinx export --to`` takes."""


def export_network(
    network: nn.Module,
    window: Sequence[int],
    to: str,
    out: str | os.PathLike[str],
    tolerance: float = TOLERANCE,
    facts: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Agreement:
    """Write a network in another format, compare it with eager mode, and keep it if they agree.

    A sidecar with the hash, the agreement and the versions goes beside the file.

    Args:
        network: In evaluation mode, on the CPU; its parameters must not require gradients.
        window: Channels and sides ``(C, X, Y, Z)`` of its input; the file takes no others. The batch is free.
        to: One of :data:`FORMATS`.
        out: The file.
        tolerance: Largest absolute difference of a class score that is let pass.
        facts: What the sidecar shall say besides, such as where the weights came from.
        settings: Plain values that an ONNX file shall carry, for programs that run it without the bundle.

    Returns:
        How far they agree.

    Raises:
        ExportError: If the format is unknown, a package is missing, the export fails or the outputs differ. There is
            no file then, or the one that was there before.
        OSError: If the file cannot be written.
    """
    target = Path(out)
    kind = format_of(to, target)
    if not tolerance > 0:
        raise ExportError(f"tolerance {tolerance} must be a number above 0")
    with write_several_atomic(target) as folder:
        partial = folder / target.name
        inputs = probe_windows(window)
        try:
            with warnings.catch_warnings():  # what tracers guess at is compared below
                for category in (TracerWarning, DeprecationWarning, FutureWarning):
                    warnings.simplefilter("ignore", category)
                kind.write(network, inputs[0], partial)
            if settings and to == "onnx":
                write_onnx_settings(partial, {"version": __version__, **settings})
            agreement = measure_agreement(network, kind.load(partial), inputs)
        except (ExportError, OSError):
            raise
        except Exception as error:  # exporters fail in many ways
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ExportError(f"{target}: cannot be exported to {to}: {reason}") from error
        if agreement.max_difference > tolerance or agreement.same_labels < SAME_LABELS:
            raise ExportError(
                f"{target}: differs from PyTorch: {agreement}; let pass are {tolerance:g} and {SAME_LABELS:.2%} of "
                "voxels; nothing was written"
            )
    write_sidecar(target, _record(to, kind, window, agreement, tolerance) | dict(facts or {}))
    return agreement


def format_of(to: str, target: Path) -> Format:
    """Return the format of this name.

    Raises:
        ExportError: If there is none, or the name of the file ends otherwise.
    """
    if to not in FORMATS:
        raise ExportError(f"cannot export to {to!r}; known are {', '.join(FORMATS)}")
    if target.suffix != FORMATS[to].suffix:
        raise ExportError(f"{target}: the name of a file for {to} must end in {FORMATS[to].suffix}")
    return FORMATS[to]


def _record(to: str, kind: Format, window: Sequence[int], agreement: Agreement, tolerance: float) -> dict[str, Any]:
    versions = {"swinx": __version__, "torch": torch.__version__}
    for name in kind.packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "format": to,
        "window": list(window),
        "max_difference": agreement.max_difference,
        "largest_score": agreement.largest_score,
        "same_labels": agreement.same_labels,
        "tolerance": tolerance,
        "versions": versions,
    }

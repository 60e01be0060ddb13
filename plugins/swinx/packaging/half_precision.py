"""Weights in half precision, with their record: half the size, for those that are shipped."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import torch

from swinx.errors import WeightsError
from swinx.files import write_json
from swinx.networks import read_checkpoint, save_weights
from swinx.tracking import artefact_hash, read_record, sidecar_path
from swinx.visible_text import visible

__all__ = ["write_half_precision"]

_STATISTICS = (".running_mean", ".running_var")
"""What batch norm knows of the training: few numbers, which have no bounds."""


def _is_place(value: Any) -> bool:
    return isinstance(value, str) and (PurePosixPath(value).is_absolute() or PureWindowsPath(value).is_absolute())


def write_half_precision(weights: Path, target: Path, about: str | None = None) -> Path:
    """Write the parameters of weights as float16, and their record with the new hash.

    Statistics of batch norm stay as they are.

    What loads them gets single precision again. The record keeps settings, classes and origin, without places and
    runs of this machine.

    Args:
        weights: A checkpoint.
        target: File to write, in ``.pt``.
        about: One line that tells what the weights are and are not; it is shown whenever they are used.

    Raises:
        WeightsError: If the weights cannot be read, or a value is out of float16's range.
        BundleError: If they were changed after their record was written.
        OSError: If the file cannot be written.
    """
    record = read_record(weights)
    halves = {}
    for name, tensor in read_checkpoint(weights).items():
        statistic = name.endswith(_STATISTICS)
        halves[name] = tensor.half() if tensor.is_floating_point() and not statistic else tensor
        if not torch.isfinite(halves[name]).all():
            largest = float(tensor.abs().max())
            raise WeightsError(f"{visible(weights)}: {name} reaches {largest:g}, and half precision ends at 65504")
    target.parent.mkdir(parents=True, exist_ok=True)
    save_weights(halves, target)
    kept = {key: value for key, value in record.items() if key not in ("run_id", "upstream", "data_sha256")}
    kept["settings"] = {name: value for name, value in record.get("settings", {}).items() if not _is_place(value)}
    told = {"about": about} if about else {}
    write_json(sidecar_path(target), {**kept, **told, "sha256": artefact_hash(target)})
    return target

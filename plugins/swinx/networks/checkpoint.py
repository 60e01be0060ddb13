"""Checkpoint files: plain dictionaries of tensors, read without running code."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from swinx.errors import WeightsError
from swinx.files import write_atomic

__all__ = ["bare_network", "damaged_entry", "find_tensors", "read_checkpoint", "save_weights"]

_STATE_KEYS = ("model", "state_dict", "model_state_dict", "network", "net", "student", "teacher")
"""Keys under which training programs keep a state dictionary, in order of preference."""


def bare_network(network: nn.Module) -> nn.Module:
    """Return the network inside ``DataParallel`` or ``DistributedDataParallel``, or the network itself."""
    parallel = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    return cast(nn.Module, network.module) if isinstance(network, parallel) else network


def find_tensors(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name, unpacked from the key that holds them.

    Entries that are no tensors (epoch, optimiser) are left out.

    Raises:
        WeightsError: If the checkpoint holds no tensors by name.
    """
    for key in _STATE_KEYS:
        inner = checkpoint.get(key)
        if isinstance(inner, Mapping) and inner:
            return find_tensors(inner)
    tensors = {name: value for name, value in checkpoint.items() if isinstance(value, Tensor)}
    if not tensors:
        keys = ", ".join(str(key) for key in list(checkpoint)[:8]) or "nothing"
        raise WeightsError(f"no tensors by name, at the top or under {', '.join(_STATE_KEYS)}; found {keys}")
    return tensors


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint file by name, onto the CPU.

    Raises:
        WeightsError: If the file is missing, truncated, no checkpoint, or needs code to be read.
            The message names it.
    """
    file = Path(path)
    if not file.is_file():
        raise WeightsError(f"{file}: no such file; give the path of a checkpoint")
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling broken or foreign bytes raises almost anything
        raise WeightsError(f"{file}: {_why_unreadable(file, error)}") from error
    if entry := damaged_entry(file):
        raise WeightsError(f"{file}: is damaged, the checksum of {entry} is wrong; copy or download it again")
    if not isinstance(checkpoint, Mapping):
        raise WeightsError(f"{file}: holds a {type(checkpoint).__name__}, not tensors by name")
    try:
        return find_tensors(checkpoint)
    except WeightsError as error:
        raise WeightsError(f"{file}: {error}") from error


def damaged_entry(path: str | os.PathLike[str]) -> str | None:
    """Return the first part of a checkpoint file with a wrong checksum, which PyTorch does not verify.

    None if all are right, or the file is of the old kind without checksums.
    """
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        return archive.testzip()


def save_weights(network: nn.Module | Mapping[str, Tensor], path: str | os.PathLike[str]) -> None:
    """Write a checkpoint atomically: tensors by name, on the CPU.

    It is the state dictionary itself, as in MONAI's Model Zoo: ``monai.bundle.load`` and ``ckpt_export`` find nothing
    in a checkpoint that nests it unless they are told the key, and the former does not say so.

    The record of the window order is one of the tensors. :func:`swinx.networks.load_weights` and
    ``torch.load(path, weights_only=True)`` read it.

    Args:
        network: A network, or its tensors by name.
        path: File to write.

    Raises:
        OSError: If the file cannot be written; the message names it, and a former file stays.
    """
    tensors = bare_network(network).state_dict() if isinstance(network, nn.Module) else network
    state = {name: tensor.detach().cpu() for name, tensor in tensors.items()}
    with write_atomic(path) as partial:
        try:
            torch.save(state, partial)
        except RuntimeError as error:  # how torch reports a full disk
            raise OSError(f"cannot write {Path(path)}: {error}; free some space or choose another folder") from error


def _why_unreadable(file: Path, error: Exception) -> str:
    if file.stat().st_size == 0:
        return "is empty"
    if zipfile.is_zipfile(file) and (isinstance(error, pickle.UnpicklingError) or "TorchScript" in str(error)):
        return (
            "holds more than tensors (Python objects or a script), and swinx runs no code from a checkpoint; "
            "save the state dictionary alone: torch.save({'model': network.state_dict()}, path)"
        )
    return "is truncated, damaged or no PyTorch checkpoint; copy or download it again"

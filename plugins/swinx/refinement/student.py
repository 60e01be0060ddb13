"""Settings that a student must keep from its training to serve as a teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from swinx.errors import DataListError
from swinx.files import PROGRAM_NAMES, read_json

__all__ = ["student_settings"]

_PLACES = frozenset({"dataset_dir", "datalist", "section", "output_dir", "checkpoint", "num_workers", "progress"})


def student_settings(inference: Path, training: Sequence[str | Path], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a training that hold for the predictions of the student as well.

    A setting is a plain value at the top of a configuration. Those of the overlays and the overrides count, if the
    inference has one of the same name; paths, expressions and components do not.

    Args:
        inference: The configuration that predicts.
        training: Files of the training; the first is the bundle's own, the others lie over it in their order.
        overrides: Values that lie over all of them.

    Raises:
        DataListError: If a file cannot be read as a configuration.
    """
    known = set(_read(inference)) - _PLACES - PROGRAM_NAMES
    merged: dict[str, Any] = {}
    for overlay in training[1:]:
        merged |= _read(Path(overlay))
    merged |= overrides
    return {name: value for name, value in merged.items() if name in known and _is_plain(value)}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path, "a configuration")
    except OSError as error:
        raise DataListError(f"{path}: cannot be read as a configuration: {error.strerror or error}") from error
    except ValueError as error:
        raise DataListError(str(error)) from error
    if not isinstance(content, dict):
        raise DataListError(f"{path}: holds no configuration")
    return content


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return False
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(_is_plain(item) for item in value)
    return not (isinstance(value, str) and value[:1] in ("$", "@", "%"))

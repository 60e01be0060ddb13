"""Lineage of artefacts: the run that each came from, told by a small file beside it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swinx.errors import RecordError
from swinx.files import file_sha256, files_sha256, read_object, write_json
from swinx.tracking.sidecar_schema import check_sidecar
from swinx.visible_text import visible

__all__ = ["artefact_hash", "hashed_files", "read_sidecar", "sidecar_path", "upstream_of", "write_sidecar"]

_logger = logging.getLogger(__name__)

_LARGEST_SIDECAR = 4 << 20
_EXPORTED = {".ts", ".onnx", ".pt2", ".xml", ".ep"}
_OF_A_MODEL_FOLDER = ("*.json", "fold_*/*.pth")


def sidecar_path(artefact: str | os.PathLike[str]) -> Path:
    """Return where the sidecar of an artefact lies.

    Examples:
        >>> [sidecar_path(name).as_posix() for name in ("models/model.pt", "model.onnx", "refined/datalist.json")]
        ['models/model.json', 'model.onnx.json', 'refined/datalist.run.json']
    """
    path = Path(artefact)
    if path.is_dir():
        return path / "run.json"
    if path.suffix in _EXPORTED:  # model.json is that of the weights
        return path.with_name(f"{path.name}.json")
    return path.with_suffix(".run.json" if path.suffix == ".json" else ".json")


def artefact_hash(artefact: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, or of all that an artefact of several files consists of.

    That is an OpenVINO network with its ``.bin`` of weights, or the checkpoints and settings in nnU-Net's model folder.

    Raises:
        OSError: If it cannot be read, or one of the files is no regular file.
    """
    path = Path(artefact)
    files = hashed_files(path)
    if files == [path]:
        return file_sha256(path)
    root = path if path.is_dir() else path.parent
    return files_sha256((file.relative_to(root).as_posix(), file) for file in files)


def hashed_files(artefact: str | os.PathLike[str]) -> list[Path]:
    """Return the files that :func:`artefact_hash` reads: the artefact itself, or those in a model folder."""
    path = Path(artefact)
    if not path.is_dir():
        weights = path.with_suffix(".bin")
        return [path, weights] if path.suffix == ".xml" and weights.is_file() else [path]
    found = {file for pattern in _OF_A_MODEL_FOLDER for file in path.glob(pattern)}
    return sorted(found - {sidecar_path(path)})


def write_sidecar(artefact: str | os.PathLike[str], facts: Mapping[str, Any]) -> None:
    """Write ``facts`` and the artefact's hash beside it; what an earlier sidecar says besides is kept.

    An artefact that is still what an earlier run made keeps that run's sidecar: a run that found nothing to do has not
    made it. An earlier sidecar that holds more than plain data is replaced, with a warning.

    Raises:
        OSError: If the artefact cannot be read, or the sidecar not be written.
    """
    place, found = sidecar_path(artefact), artefact_hash(artefact)
    try:
        record = _read(place)
        check_sidecar(record, str(place))
    except RecordError as error:
        _logger.warning("%s; it is replaced", error)
        record = {}
    if record.get("run_id") and record.get("sha256") == found:
        return
    write_json(place, {**record, **facts, "sha256": found})


def read_sidecar(artefact: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the content of an artefact's sidecar, as far as this version knows it; empty if there is none.

    Raises:
        RecordError: If it is no plain file, or holds anything but plain data of the kinds that a sidecar has.
    """
    place = sidecar_path(artefact)
    return check_sidecar(_read(place), str(place))


def upstream_of(name: str, artefact: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the origin of an artefact that a run starts from, and warn if its content contradicts its sidecar.

    Args:
        name: What the run calls it, such as ``pretrained``.
        artefact: The file or folder.

    Returns:
        ``name``, ``path``, ``sha256`` (None if it cannot be read), ``run_id`` and ``tracking_uri`` (None if nobody
        recorded them) and ``matches``: whether its hash is the recorded one, None if there is no record.
    """
    try:
        record = read_sidecar(artefact)
    except RecordError as error:
        _logger.warning("%s %s counts as one without a sidecar: %s", name, artefact, error)
        record = {}
    try:
        found: str | None = artefact_hash(artefact)
    except OSError:
        found = None
    recorded = record.get("sha256")
    matches = None if recorded is None or found is None else found == recorded
    if matches is False:
        _logger.warning(
            "%s %s is not what its sidecar %s says: its hash is %s..., recorded is %s... by run %s; it was replaced or "
            "changed after that run",
            name,
            artefact,
            sidecar_path(artefact),
            str(found)[:12],
            str(recorded)[:12],
            record.get("run_id"),
        )
    return {
        "name": name,
        "path": visible(Path(artefact).absolute()),
        "sha256": found,
        "run_id": record.get("run_id"),
        "tracking_uri": record.get("tracking_uri"),
        "matches": matches,
    }


def _read(place: Path) -> dict[str, Any]:
    try:
        return read_object(place, _LARGEST_SIDECAR)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise RecordError(str(error)) from error

"""Which artefact came from which run, told by a small file beside it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swinx.files import write_json

__all__ = ["artefact_hash", "read_sidecar", "sidecar_path", "upstream_of", "write_sidecar"]

_logger = logging.getLogger(__name__)

_CHUNK = 1 << 20
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
    """Return the SHA-256 of a file, or of the checkpoints and settings in nnU-Net's model folder.

    Raises:
        OSError: If it cannot be read.
    """
    path = Path(artefact)
    if not path.is_dir():
        return _file_hash(path)
    digest = hashlib.sha256()
    for file in sorted({file for pattern in _OF_A_MODEL_FOLDER for file in path.glob(pattern)}):
        if file != sidecar_path(path):
            digest.update(f"{file.relative_to(path).as_posix()} {_file_hash(file)}\n".encode())
    return digest.hexdigest()


def write_sidecar(artefact: str | os.PathLike[str], facts: Mapping[str, Any]) -> None:
    """Write ``facts`` and the artefact's hash beside it; what an earlier sidecar says besides is kept.

    An artefact that is still what an earlier run made keeps that run's sidecar: a run that found nothing to do has not
    made it.

    Raises:
        OSError: If the artefact cannot be read, or the sidecar not be written.
    """
    record, found = read_sidecar(artefact), artefact_hash(artefact)
    if record.get("run_id") and record.get("sha256") == found:
        return
    write_json(sidecar_path(artefact), {**record, **facts, "sha256": found})


def read_sidecar(artefact: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what the sidecar of an artefact says; empty if there is none, or it is no such file."""
    try:
        content = json.loads(sidecar_path(artefact).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def upstream_of(name: str, artefact: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what is known of an artefact that a run starts from, and warn if it is not what its sidecar says.

    Args:
        name: What the run calls it, such as ``pretrained``.
        artefact: The file or folder.

    Returns:
        ``name``, ``path``, ``sha256`` (None if it cannot be read), ``run_id`` and ``tracking_uri`` (None if nobody
        recorded them) and ``matches``: whether its hash is the recorded one, None if there is no record.
    """
    record = read_sidecar(artefact)
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
        "path": str(Path(artefact).absolute()),
        "sha256": found,
        "run_id": record.get("run_id"),
        "tracking_uri": record.get("tracking_uri"),
        "matches": matches,
    }


def _file_hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while part := stream.read(_CHUNK):
            digest.update(part)
    return digest.hexdigest()

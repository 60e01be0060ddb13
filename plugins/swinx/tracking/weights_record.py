"""Origin and settings of weights, without details of this machine."""

from __future__ import annotations

import logging
from collections.abc import Container, Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

from swinx import __version__
from swinx.bundle import PLACES
from swinx.errors import BundleError
from swinx.tracking.lineage import artefact_hash, read_sidecar, sidecar_path

__all__ = ["read_record", "recorded_settings"]

_logger = logging.getLogger(__name__)


def read_record(weights: Path) -> dict[str, Any]:
    """Return the sidecar of weights with paths cut down to names; of weights without one, hash and version.

    Entries that this version does not know are left out, so that what is packed holds nothing unchecked.

    Args:
        weights: Checkpoint, or the folder of an nnU-Net model.

    Raises:
        BundleError: If the weights were changed after their sidecar was written.
        RecordError: If the sidecar holds anything but plain data.
        OSError: If the weights cannot be read, or are no regular file.
    """
    found, record = artefact_hash(weights), read_sidecar(weights)
    if not record:
        _logger.warning(
            "%s has no sidecar: its origin is unknown, and settings are those of the configurations", weights
        )
    recorded = record.get("sha256") or found
    if recorded != found:
        raise BundleError(
            f"{weights}: its hash is {found[:12]}..., and its sidecar {sidecar_path(weights)} says {recorded[:12]}...: "
            "the weights were changed after the training; delete the sidecar to use them all the same"
        )
    told = {key: value for key, value in record.items() if key != "tracking_uri"}
    if told.get("upstream"):
        told["upstream"] = [_without_folders(source) for source in told["upstream"]]
    if told.get("settings"):
        told["settings"] = {name: value for name, value in told["settings"].items() if name not in PLACES}
    return {"swinx": __version__, **told, "sha256": found}


def recorded_settings(record: Mapping[str, Any], known: Container[str]) -> dict[str, Any]:
    """Return the settings of a record that a configuration has as well.

    Args:
        record: As :func:`read_record` returns it.
        known: Names of the settings of the configuration.
    """
    return {name: value for name, value in (record.get("settings") or {}).items() if name in known}


def _without_folders(source: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in source.items() if key != "tracking_uri"}
    # a Windows path ends where either kind of slash is
    return kept | ({"path": PureWindowsPath(str(kept["path"])).name} if "path" in kept else {})

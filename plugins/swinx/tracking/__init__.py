"""Runs in MLflow, and where each artefact came from. Nothing here can end the work that is tracked."""

from __future__ import annotations

from swinx.tracking.addresses import without_credentials
from swinx.tracking.bundle_root import find_bundle_root, require_plugin
from swinx.tracking.configuration import PLACES, knobs_at_work
from swinx.tracking.knobs import knobs_of_network
from swinx.tracking.lineage import artefact_hash, read_sidecar, sidecar_path, upstream_of, write_sidecar
from swinx.tracking.mlflow_model import save_mlflow_model
from swinx.tracking.session import TrackingSession, provenance
from swinx.tracking.sqlite_file import sqlite_uri
from swinx.tracking.store import TrackedRun
from swinx.tracking.tree import lineage_tree
from swinx.tracking.weights_record import read_record, recorded_knobs

__all__ = [
    "PLACES",
    "TrackedRun",
    "TrackingSession",
    "artefact_hash",
    "find_bundle_root",
    "knobs_at_work",
    "knobs_of_network",
    "lineage_tree",
    "provenance",
    "read_record",
    "read_sidecar",
    "recorded_knobs",
    "require_plugin",
    "save_mlflow_model",
    "sidecar_path",
    "sqlite_uri",
    "upstream_of",
    "without_credentials",
    "write_sidecar",
]

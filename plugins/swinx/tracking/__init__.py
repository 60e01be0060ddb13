"""Runs in MLflow, and where each artefact came from. Nothing here can end the work that is tracked."""

from __future__ import annotations

from swinx.tracking.lineage import read_sidecar, sidecar_path, upstream_of, write_sidecar
from swinx.tracking.mlflow_model import save_mlflow_model
from swinx.tracking.session import TrackingSession, provenance
from swinx.tracking.store import TrackedRun, sqlite_uri
from swinx.tracking.tree import lineage_tree

__all__ = [
    "TrackedRun",
    "TrackingSession",
    "lineage_tree",
    "provenance",
    "read_sidecar",
    "save_mlflow_model",
    "sidecar_path",
    "sqlite_uri",
    "upstream_of",
    "write_sidecar",
]

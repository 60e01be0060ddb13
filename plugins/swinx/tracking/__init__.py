"""MLflow runs, lineage of files, records beside weights."""

from __future__ import annotations

from swinx.tracking.addresses import without_credentials
from swinx.tracking.lineage import artefact_hash, read_sidecar, sidecar_path, upstream_of, write_sidecar
from swinx.tracking.mlflow_model import save_mlflow_model
from swinx.tracking.model_download import download_model
from swinx.tracking.session import TrackingSession, provenance
from swinx.tracking.sqlite_file import sqlite_uri
from swinx.tracking.tracked_run import TrackedRun
from swinx.tracking.trained_settings import agreed_label_set, compare_settings, recorded_label_set, trained_settings
from swinx.tracking.tree import lineage_tree
from swinx.tracking.weights_record import read_record, recorded_settings

__all__ = [
    "TrackedRun",
    "TrackingSession",
    "agreed_label_set",
    "artefact_hash",
    "compare_settings",
    "download_model",
    "lineage_tree",
    "provenance",
    "read_record",
    "read_sidecar",
    "recorded_label_set",
    "recorded_settings",
    "save_mlflow_model",
    "sidecar_path",
    "sqlite_uri",
    "trained_settings",
    "upstream_of",
    "without_credentials",
    "write_sidecar",
]

"""Models of MLflow as files on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from swinx.errors import BundleError
from swinx.tracking.tracked_run import MISSING

__all__ = ["download_model"]


def download_model(address: str, folder: str | os.PathLike[str]) -> Path:
    """Copy a registered model, or an artefact of a run, into a folder.

    The store is the one that the user's environment names (``MLFLOW_TRACKING_URI``, ``MLFLOW_REGISTRY_URI``), or
    MLflow's default.

    Args:
        address: ``models:/name/version``, ``models:/name@alias``, ``runs:/id/path`` or ``mlflow-artifacts:/path``.
        folder: An existing folder.

    Returns:
        The folder of the model, or the file.

    Raises:
        BundleError: If MLflow is not installed.
        Exception: Whatever MLflow raises if there is no such model, or the store cannot be reached.
    """
    try:
        import mlflow.artifacts
    except ModuleNotFoundError as error:
        raise BundleError(MISSING) from error

    return Path(mlflow.artifacts.download_artifacts(artifact_uri=address, dst_path=os.fspath(folder)))

"""Choice of the store of runs: one that the user named, never one that only a data file names."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from swinx.rules import TrackingRules
from swinx.tracking.addresses import credentials_held, local_store, names_same_store, without_credentials
from swinx.tracking.facts import project_root
from swinx.tracking.sqlite_file import sqlite_uri

__all__ = ["choose_store", "named_stores", "store_of_earlier_run"]

_logger = logging.getLogger(__name__)


def named_stores(configured: str | None, bundle_root: Path) -> list[str]:
    """Return the stores that the user named, the one to use first.

    Those are the one in the bundle's ``mlflow.json``, unless MLflow would send it a token or a password that belongs
    elsewhere; the one in ``MLFLOW_TRACKING_URI``; and ``mlflow.db`` at the root of the project.

    Args:
        configured: ``tracking_uri`` in the bundle's ``mlflow.json``.
        bundle_root: Folder of the bundle.
    """
    local, own = sqlite_uri(project_root(bundle_root) / "mlflow.db"), os.environ.get("MLFLOW_TRACKING_URI")
    distrusted = configured and credentials_held(configured)
    named = [local, own] if distrusted else [configured, own, local]
    return [uri for uri in named if uri]


def choose_store(configured: str | None, bundle_root: Path) -> str:
    """Return the store for a new run, and warn if it is not the one that the bundle names.

    Args:
        configured: ``tracking_uri`` in the bundle's ``mlflow.json``.
        bundle_root: Folder of the bundle.
    """
    chosen = named_stores(configured, bundle_root)[0]
    if configured and (held := credentials_held(configured)):
        told = TrackingRules.CREDENTIALS.says(
            address=without_credentials(configured), holder=held, store=without_credentials(chosen)
        )
        _logger.warning("%s %s", bundle_root / "configs" / "mlflow.json", told)
    return chosen


def store_of_earlier_run(recorded: str, named: Sequence[str], output_dir: Path) -> str | None:
    """Return the store in which a run that is resumed began; None if it may not be contacted.

    Args:
        recorded: Its address in ``mlflow_run.json``, without credentials.
        named: Stores that the user named.
        output_dir: Folder of the run, in which it is kept if its tracker is away.

    Returns:
        The address as the user named it, or that of a SQLite file in ``output_dir``.
    """
    if found := next((uri for uri in named if names_same_store(uri, recorded)), None):
        return found
    return recorded if local_store(recorded, [output_dir]) else None

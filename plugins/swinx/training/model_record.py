"""Sidecar of a model file: its origin."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from swinx import __version__
from swinx.files import write_json
from swinx.tracking import artefact_hash, provenance, sidecar_path

__all__ = ["write_model_record"]


def write_model_record(model: Path, **facts: Any) -> None:
    """Write ``<model>.json`` beside a model: facts, hash, run, versions and date; atomic.

    Args:
        model: The model file.
        facts: What JSON can express; NaN and infinity are written as null.

    Raises:
        OSError: If the model cannot be read or the record not be written; the message names it.
    """
    versions = {"swinx": __version__, "torch": torch.__version__}
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    content = {**_finite(facts), **versions, "date": date, "sha256": artefact_hash(model), **provenance()}
    write_json(sidecar_path(model), content)


def _finite(value: Any) -> Any:
    """Return a value with None in place of NaN and infinity, which JSON lacks."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value

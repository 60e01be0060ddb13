"""The id of a set of results: predictions with one id were made by the same weights with the same settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swinx.tracking import artefact_hash

__all__ = ["result_set"]

_UNRELATED = frozenset(
    {
        *("sw_batch_size", "protocol", "overlay_dir", "split", "label", "annotated"),
    }
)
"""Settings that change no prediction: how much is done at a time, and what is done with the predictions. Limits of time
and memory are not among them: a plan that keeps to them may have less overlap and half precision."""


def result_set(checkpoint: str | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a set of results is, for its records.

    Args:
        checkpoint: File or folder of the weights; None if there is none.
        settings: Those of the run without the ones of machine and place, see :func:`swinx.bundle.settings_at_work`.

    Returns:
        ``id``: hash of the other two, 16 hexadecimal digits; ``weights``: their SHA-256, None if they cannot be read;
        ``settings``: those that decide a prediction.
    """
    weights = None
    if checkpoint is not None and Path(checkpoint).exists():
        weights = artefact_hash(checkpoint)
    deciding = {name: settings[name] for name in sorted(set(settings) - _UNRELATED)}
    content = {"weights": weights, "settings": deciding}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=repr).encode()).hexdigest()
    return {"id": digest[:16], **content}

"""The table of settings: what checks, messages and the page of the documentation are made from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from swinx.bundle.settings.inference_settings import INFERENCE_SETTINGS
from swinx.bundle.settings.network_settings import NETWORK_SETTINGS
from swinx.bundle.settings.place_settings import PLACE_SETTINGS
from swinx.bundle.settings.refinement_settings import REFINEMENT_SETTINGS
from swinx.bundle.settings.setting import Setting
from swinx.bundle.settings.training_settings import TRAINING_SETTINGS

__all__ = ["SECTIONS", "SETTINGS", "nearest"]

SECTIONS: dict[str, tuple[Setting, ...]] = {
    "Places, machine, records": PLACE_SETTINGS,
    "Preprocessing and network": NETWORK_SETTINGS,
    "Trainings": TRAINING_SETTINGS,
    "Inference, evaluation, probes": INFERENCE_SETTINGS,
    "Teachers and refinement": REFINEMENT_SETTINGS,
}
"""The rows by the heading of their section."""

SETTINGS: dict[str, Setting] = {row.name: row for rows in SECTIONS.values() for row in rows}
"""The rows by name."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that names the nearest known name; empty if none is near.

    Examples:
        >>> nearest("overlpa", ["overlap", "out_dim"])
        '; did you mean overlap?'
    """
    by_word = {word.replace("_", "").lower(): word for word in known}
    found = difflib.get_close_matches(name.replace("_", "").lower(), by_word, n=1, cutoff=0.6)
    return f"; did you mean {by_word[found[0]]}?" if found else ""

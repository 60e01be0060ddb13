"""Record of an inference beside its predictions: time, warnings and failures of each case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from swinx.files import read_object

__all__ = ["InferenceRecord", "read_record"]


@dataclass(frozen=True)
class InferenceRecord:
    """Facts of ``cases.json``.

    Attributes:
        seconds: Case to the time that it took.
        warnings: Case to what the reader found odd.
        failed: Case to why it has no prediction.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    failed: dict[str, list[str]] = field(default_factory=dict)


def read_record(path: Path | None) -> InferenceRecord:
    """Return the content of a ``cases.json``; empty if it is missing or holds something else."""
    try:
        content = {} if path is None else read_object(path, finite=False)
    except (OSError, ValueError):  # the part of the page that shows its numbers says why
        content = {}
    found = InferenceRecord()
    for kind in ("done", "failed"):
        items = content.get(kind)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, Mapping) and "case" in item:
                _take(found, str(item["case"]), item, kind)
    return found


def _take(found: InferenceRecord, case: str, item: Mapping[str, object], kind: str) -> None:
    if kind == "failed":
        found.failed[case] = [str(item.get("reason", "failed"))]
        return
    seconds, warnings = item.get("seconds"), item.get("warnings")
    if isinstance(seconds, Mapping) and isinstance(total := seconds.get("total"), int | float):
        found.seconds[case] = float(total)
    if isinstance(warnings, list) and warnings:
        found.warnings[case] = list(map(str, warnings))

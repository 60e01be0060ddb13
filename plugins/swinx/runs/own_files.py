"""Files that a run may replace: those that a record names, and that are still as it says."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from swinx.data import record_path
from swinx.errors import CaseError
from swinx.files import file_sha256, read_object
from swinx.rules import ScanInputRules as Rule

__all__ = ["SUMMARY", "check_own", "files_in_record"]

SUMMARY = "cases.json"
"""Name of the record of a batch."""


def check_own(
    folder: Path,
    cases: Mapping[str, Sequence[Path]],
    of_batch: Sequence[Path] | None = (),
    record_of: Callable[[Path, str], Path] = record_path,
    key: str = "prediction",
) -> dict[str, list[Path]]:
    """Refuse to replace or remove a file that no run of swinx wrote as it is now, such as labels corrected by hand.

    Args:
        folder: Folder of the predictions.
        cases: Files that a run may write for a case besides its record, by the name of the record.
        of_batch: Those for all cases together besides ``cases.json``; None if it does not even write this.
        record_of: Place of a case's record.
        key: What every such record has; a file without it is of another program.

    Returns:
        All files of each case by the same names: these, and what an earlier run wrote, if it is as that left it.

    Raises:
        CaseError: If there is such a file, which is named.
    """
    places = {name: record_of(folder, name) for name in cases}
    checks = [(places[name], key, files) for name, files in cases.items()]
    for place, needed, files in checks if of_batch is None else [*checks, (folder / SUMMARY, "done", of_batch)]:
        if place.is_file() and needed not in _read(place):
            raise CaseError(place, Rule.NOT_OURS.says())
        known = files_in_record(place)
        for name, path in ((path.relative_to(folder).as_posix(), path) for path in files):
            if path.is_dir() or not os.path.lexists(path):  # a folder is never replaced: writing fails, with its case
                continue
            if not (path.is_file() and known.get(name, "") in (None, file_sha256(path))):
                raise CaseError(path, Rule.NOT_OURS.says())
    return {name: [*files, *_unchanged(folder, places[name], files)] for name, files in cases.items()}


def _unchanged(folder: Path, place: Path, others: Sequence[Path]) -> list[Path]:
    """Return the files in a folder that a record names and that are as it says, but ``others``."""
    names = {Path(name): sha for name, sha in files_in_record(place).items()}  # a record may come from others
    inside = {folder / name: sha for name, sha in names.items() if not name.is_absolute() and ".." not in name.parts}
    return [path for path in inside if path not in others and path.is_file() and file_sha256(path) == inside[path]]


def files_in_record(place: Path) -> dict[str, str | None]:
    """Return the SHA-256 of the files that a record names; None for one that was about to be written."""
    record = _read(place)
    files = record.get("files", {Path(str(record.get("prediction", ""))).name: record.get("prediction_sha256", "")})
    return files if isinstance(files, dict) else {}


def _read(place: Path) -> dict[str, Any]:
    """Return a record; empty if there is none that can be read."""
    try:
        return read_object(place, finite=False) if place.is_file() else {}
    except (OSError, ValueError):
        return {}

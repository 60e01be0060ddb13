"""Manifests of annotated classes by case.

A label file alone cannot say it: a class that is absent from the file may have been looked for and not found.

CSV: columns ``case`` and ``annotated``, the ids separated by blanks, e.g. ``FLARE23_0001,1 2 13``.
JSON: ``{"FLARE23_0001": [1, 2, 13], "FLARE23_1*": [14]}``. A case may be a glob pattern.
Names and patterns are text in composed form (NFC), however they look: ``NA`` and ``001`` are names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from swinx.data.case_names import composed
from swinx.errors import DataListError
from swinx.files import absolute_path, read_json, read_table, shown
from swinx.labels import NUM_CLASSES
from swinx.rules import ManifestRules
from swinx.visible_text import visible

__all__ = ["load_annotated_manifest", "look_up_annotated"]

_LONGEST_ID = 10


def load_annotated_manifest(path: str | os.PathLike[str]) -> dict[str, list[int]]:
    """Read a manifest.

    Args:
        path: ``.csv`` or ``.json`` file.

    Returns:
        Case name or glob pattern -> sorted class ids, in file order.

    Raises:
        DataListError: If the file cannot be read, or a row is not a name and class ids in 1..14.
    """
    try:
        place = absolute_path(path)
        is_table = place.suffix.lower() == ".csv"
        rows = _csv_rows(place) if is_table else read_json(place, "a manifest of annotated classes")
    except OSError as error:
        raise DataListError(ManifestRules.UNREADABLE.says(path=path, detail=error.strerror or error)) from error
    except ValueError as error:
        raise DataListError(str(error)) from error
    if not isinstance(rows, dict):
        raise DataListError(ManifestRules.NO_OBJECT.says(path=path, kind=type(rows).__name__))
    cases: dict[str, list[int]] = {}
    for case, ids in rows.items():
        if composed(case) in cases:
            raise DataListError(ManifestRules.TWICE.says(path=path, case=visible(case)))
        if not isinstance(ids, list) or any(type(value) is not int or not 1 <= value < NUM_CLASSES for value in ids):
            raise DataListError(
                ManifestRules.CLASS_IDS.says(path=path, case=visible(case), value=shown(ids), last=NUM_CLASSES - 1)
            )
        cases[composed(case)] = sorted(set(ids))
    return cases


def look_up_annotated(manifest: Mapping[str, list[int]], case: str) -> list[int] | None:
    """Return the classes annotated in ``case``: from its own row, else the first matching pattern, else None.

    Examples:
        >>> look_up_annotated({"A_*": [1], "A_2": [1, 14]}, "A_2")
        [1, 14]
    """
    name = composed(case)
    if name in manifest:
        return manifest[name]
    return next((ids for pattern, ids in manifest.items() if fnmatchcase(name, pattern)), None)


def _csv_rows(path: Path) -> dict[str, Any]:
    table = read_table(path, text=("case", "annotated"))
    if not {"case", "annotated"} <= set(table.columns):
        raise ValueError(ManifestRules.COLUMNS.says(path=path, columns=list(table.columns)))
    rows: dict[str, Any] = {}
    for case, annotated in zip(table["case"], table["annotated"], strict=True):
        words = annotated.split()
        if case in rows:
            raise ValueError(ManifestRules.TWICE.says(path=path, case=visible(case)))
        if strange := [word for word in words if not (word.isdecimal() and len(word) < _LONGEST_ID)]:
            raise ValueError(ManifestRules.NO_ID.says(path=path, case=visible(case), word=strange[0]))
        rows[case] = [int(word) for word in words]
    return rows

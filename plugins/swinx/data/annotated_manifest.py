"""A manifest that says which classes were annotated in which cases.

A label file alone cannot say it: a class that is absent from the file may have been looked for and not found.

CSV: columns ``case`` and ``annotated``, the ids separated by blanks, e.g. ``FLARE23_0001,1 2 13``.
JSON: ``{"FLARE23_0001": [1, 2, 13], "FLARE23_1*": [14]}``. A case may be a glob pattern.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from swinx.errors import DataListError
from swinx.labels import NUM_CLASSES

__all__ = ["load_annotated_manifest", "look_up_annotated"]


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
        text = Path(path).expanduser().read_text(encoding="utf-8-sig")
        rows = _csv_rows(text) if Path(path).suffix.lower() == ".csv" else json.loads(text)
    except OSError as error:
        raise DataListError(f"{path}: cannot read the manifest: {error.strerror or error}") from error
    except ValueError as error:
        raise DataListError(f"{path}: not a manifest of annotated classes: {error}") from error
    if not isinstance(rows, dict):
        raise DataListError(f"{path}: a manifest is an object of cases, not a {type(rows).__name__}")
    for case, ids in rows.items():
        if not isinstance(ids, list) or any(type(value) is not int or not 1 <= value < NUM_CLASSES for value in ids):
            raise DataListError(f"{path}: {case}: {ids!r} is not a list of class ids in 1..{NUM_CLASSES - 1}")
    return {case: sorted(set(ids)) for case, ids in rows.items()}


def look_up_annotated(manifest: Mapping[str, list[int]], case: str) -> list[int] | None:
    """Return the classes annotated in ``case``: of its own row, else of the first pattern that fits, else None.

    Examples:
        >>> look_up_annotated({"A_*": [1], "A_2": [1, 14]}, "A_2")
        [1, 14]
    """
    if case in manifest:
        return manifest[case]
    return next((ids for pattern, ids in manifest.items() if fnmatchcase(case, pattern)), None)


def _csv_rows(text: str) -> dict[str, Any]:
    table = csv.DictReader(text.splitlines())
    if not {"case", "annotated"} <= set(table.fieldnames or ()):
        raise ValueError(f"columns {table.fieldnames} instead of case, annotated")
    rows: dict[str, Any] = {}
    for row in table:
        words = (row["annotated"] or "").split()
        if row["case"] in rows:
            raise ValueError(f"case {row['case']} has two rows")
        if strange := [word for word in words if not word.isdecimal()]:
            raise ValueError(
                f"{row['case']}: {strange[0]!r} is no class id; write ids with blanks between, as in 1 2 13"
            )
        rows[row["case"]] = [int(word) for word in words]
    return rows

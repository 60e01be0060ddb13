"""Manifests of annotated classes by case.

A label file alone cannot say it: a class that is absent from the file may have been looked for and not found.

CSV: columns ``case`` and ``annotated``, numbers separated by blanks, e.g. ``FLARE23_0001,1 2 13``, or names of classes
(or numbers) separated by ``;`` or ``,``, e.g. ``FLARE23_0001,liver; right kidney``.
JSON: ``{"FLARE23_0001": [1, 2, 13], "FLARE23_1*": ["tumor"]}``. A case may be a glob pattern.
Names and patterns are text in composed form (NFC), however they look: ``NA`` and ``001`` are names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from swinx.data.case_names import composed
from swinx.data.lists.list_entries import numbers_text
from swinx.errors import DataListError, LabelSetError
from swinx.files import absolute_path, read_json, read_table, shown
from swinx.labels import FLARE23, LabelSet
from swinx.rules import ManifestRules
from swinx.visible_text import first_of, visible

__all__ = ["load_annotated_manifest", "look_up_annotated", "manifest_notes"]

_LONGEST_ID = 10


def load_annotated_manifest(path: str | os.PathLike[str], label_set: LabelSet = FLARE23) -> dict[str, list[int]]:
    """Read a manifest.

    Args:
        path: ``.csv`` or ``.json`` file.
        label_set: Classes that its names, and its numbers, which are those of label files, mean.

    Returns:
        Case name or glob pattern -> sorted class ids, in file order.

    Raises:
        DataListError: If the file cannot be read, or a row is not a name and classes of the label set.
    """
    try:
        place = absolute_path(path)
        is_table = place.suffix.lower() == ".csv"
        rows = _csv_rows(place, label_set) if is_table else read_json(place, "a manifest of annotated classes")
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
        cases[composed(case)] = _ids(ids, f"{path}: {visible(case)}", label_set)
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


def manifest_notes(
    path: str | os.PathLike[str],
    manifest: Mapping[str, list[int]],
    cases: Collection[str],
    labelled: Collection[str],
    infer: bool = False,
) -> tuple[str, ...]:
    """Return notes on the rows of a manifest that match no case, and on labelled cases without a row.

    Args:
        path: The manifest, for the notes.
        manifest: Its rows.
        cases: Names of all cases.
        labelled: Names of those with a label.
        infer: Whether the classes of a labelled case without a row are taken from what occurs in it.
    """
    known = {composed(case) for case in cases}
    unused = [row for row in manifest if row not in known and not any(fnmatchcase(case, row) for case in known)]
    uncovered = [case for case in labelled if look_up_annotated(manifest, case) is None]
    notes = []
    if unused:
        notes.append(ManifestRules.UNUSED.says(path=visible(path), count=len(unused), rows=first_of(unused)))
    if uncovered:
        rule = ManifestRules.INFERRED if infer else ManifestRules.UNCOVERED
        notes.append(rule.says(path=visible(path), count=len(uncovered), cases=first_of(uncovered)))
    return tuple(notes)


def _csv_rows(path: Path, label_set: LabelSet) -> dict[str, Any]:
    table = read_table(path, text=("case", "annotated"))
    if not {"case", "annotated"} <= set(table.columns):
        raise ValueError(ManifestRules.COLUMNS.says(path=path, columns=list(table.columns)))
    rows: dict[str, Any] = {}
    for case, annotated in zip(table["case"], table["annotated"], strict=True):
        words = _words(annotated)
        if case in rows:
            raise ValueError(ManifestRules.TWICE.says(path=path, case=visible(case)))
        if strange := [word for word in words if not _may_be_class(word, label_set)]:
            raise ValueError(ManifestRules.NO_ID.says(path=path, case=visible(case), word=shown(strange[0])))
        rows[case] = [int(word) if word.isdecimal() else word for word in words]
    return rows


def _words(annotated: str) -> list[str]:
    """Return the names and numbers of a cell: apart by ``;`` or ``,``, or numbers by blanks."""
    blanks = annotated.split()
    if all(word.isdecimal() for word in blanks):
        return blanks
    return [word for part in re.split("[;,]", annotated) if (word := part.strip())]


def _may_be_class(word: str, label_set: LabelSet) -> bool:
    return len(word) < _LONGEST_ID if word.isdecimal() else bool(label_set.find(word))


def _ids(given: Any, source: str, label_set: LabelSet) -> list[int]:
    try:
        if isinstance(given, list) and not any(isinstance(one, bool | float | dict | list) for one in given):
            return label_set.ids_of(given, source)
    except LabelSetError as error:
        if any(isinstance(one, str) for one in given):
            raise DataListError(str(error)) from error
    raise DataListError(ManifestRules.CLASS_IDS.says(source=source, value=shown(given), ids=numbers_text(label_set)))

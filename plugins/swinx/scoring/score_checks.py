"""Checks of a file of scores: completeness, and the range of values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from swinx.errors import DataListError
from swinx.files import file_sha256, read_object
from swinx.labels import FLARE23, LabelSet, read_label_set
from swinx.metrics import score_columns
from swinx.rules import ResultRules
from swinx.visible_text import visible

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_scores"]


def check_scores(
    path: Path, table: pd.DataFrame, label_set: LabelSet | None = None
) -> tuple[str | None, LabelSet | None]:
    """Refuse scores that were cut off, or that no scorer writes.

    Args:
        path: The file that the table was read from; the ``summary.json`` beside it says which cases it has.
        table: Its rows, by case.
        label_set: The classes; by default those that the summary names, and of FLARE-23 if it names none.

    Returns:
        The protocol and the label set that the summary names, each None if it names none; the label set is the one that
        was given, if one was.

    Raises:
        LabelSetError: If the label set in the summary cannot be used.
        DataListError: If the file was changed after it was written, a case has two rows, a column is unknown or
            missing, a value is no number of 0..1 (or nan, where a class is not defined), or cases of the summary are
            missing or not in it.
    """
    import pandas as pd

    summary = _summary_of(path)
    if label_set is None and isinstance(summary.get("labels"), dict):
        label_set = read_label_set(summary["labels"], f"{path.parent / 'summary.json'}: labels")
    expected = score_columns(label_set or FLARE23)
    if not table.index.is_unique:
        raise DataListError(ResultRules.TWICE.says(path=path, case=visible(table.index[table.index.duplicated()][0])))
    if unknown := [str(name) for name in table.columns if name not in expected]:
        raise DataListError(ResultRules.UNKNOWN_COLUMN.says(path=path, column=visible(unknown[0])))
    for column in table.columns:
        values = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=np.float64)
        wrong = ((values < 0) | (values > 1) | np.isinf(values)) | (np.isnan(values) & table[column].notna().to_numpy())
        if wrong.any():
            case, value = table.index[wrong][0], table[column][wrong].iloc[0]
            raise DataListError(
                ResultRules.IMPOSSIBLE.says(path=path, column=column, case=visible(case), value=visible(value))
            )
    scored = summary.get("cases")
    if isinstance(scored, dict) and set(map(str, scored)) != set(map(str, table.index)):
        raise DataListError(ResultRules.CUT.says(path=path, rows=len(table), cases=len(scored)))
    if missing := [name for name in expected if name not in table.columns]:
        raise DataListError(ResultRules.NO_COLUMN.says(path=path, column=missing[0]))
    written = summary.get("scores_sha256")
    if isinstance(written, str) and written != file_sha256(path):
        raise DataListError(ResultRules.CHANGED.says(path=path))
    protocol = summary.get("protocol")
    return protocol if isinstance(protocol, str) else None, label_set


def _summary_of(path: Path) -> dict[str, Any]:
    summary = path.parent / "summary.json"
    return read_object(summary, finite=False) if path.name == "scores.csv" and summary.is_file() else {}

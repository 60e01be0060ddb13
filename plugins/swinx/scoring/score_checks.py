"""Checks of a file of scores: completeness, and the range of values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from swinx.errors import DataListError
from swinx.files import file_sha256, read_object
from swinx.metrics import SCORE_COLUMNS
from swinx.rules import ResultRules
from swinx.visible_text import visible

__all__ = ["check_scores"]


def check_scores(path: Path, table: pd.DataFrame) -> str | None:
    """Refuse scores that were cut off, or that no scorer writes.

    Args:
        path: The file that the table was read from; the ``summary.json`` beside it says which cases it has.
        table: Its rows, by case.

    Returns:
        The protocol that the summary names; None if there is none.

    Raises:
        DataListError: If the file was changed after it was written, a case has two rows, a column is unknown or
            missing, a value is no number of 0..1 (or nan, where a class is not defined), or cases of the summary are
            missing or not in it.
    """
    summary = _summary_of(path)
    if not table.index.is_unique:
        raise DataListError(ResultRules.TWICE.says(path=path, case=visible(table.index[table.index.duplicated()][0])))
    if unknown := [str(name) for name in table.columns if name not in SCORE_COLUMNS]:
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
    if missing := [name for name in SCORE_COLUMNS if name not in table.columns]:
        raise DataListError(ResultRules.NO_COLUMN.says(path=path, column=missing[0]))
    written = summary.get("scores_sha256")
    if isinstance(written, str) and written != file_sha256(path):
        raise DataListError(ResultRules.CHANGED.says(path=path))
    protocol = summary.get("protocol")
    return protocol if isinstance(protocol, str) else None


def _summary_of(path: Path) -> dict[str, Any]:
    summary = path.parent / "summary.json"
    return read_object(summary, finite=False) if path.name == "scores.csv" and summary.is_file() else {}

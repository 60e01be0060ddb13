"""Checks of a file of scores: completeness, and the range of values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from swinx.errors import DataListError
from swinx.files import read_object
from swinx.metrics import SCORE_COLUMNS
from swinx.rules import ResultRules
from swinx.visible_text import visible

__all__ = ["check_scores"]


def check_scores(path: Path, table: pd.DataFrame) -> None:
    """Refuse scores that were cut off, or that no scorer writes.

    Args:
        path: The file that the table was read from; the ``summary.json`` beside it says which cases it has.
        table: Its rows, by case.

    Raises:
        DataListError: If a column is unknown, a value is no number of 0..1 (or nan, where a class is not defined), or
            cases of the summary are missing or not in it.
    """
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
    summary = path.parent / "summary.json"
    if path.name != "scores.csv" or not summary.is_file():
        return
    scored = read_object(summary, finite=False).get("cases")
    if not isinstance(scored, dict):
        return
    if set(map(str, scored)) != set(map(str, table.index)):
        raise DataListError(ResultRules.CUT.says(path=path, rows=len(table), cases=len(scored)))

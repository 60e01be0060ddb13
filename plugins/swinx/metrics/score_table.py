"""Scores of many cases as one table, one row per case."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from swinx.labels import CLASS_NAMES
from swinx.metrics.scoring import CaseScores

__all__ = ["METRICS", "SCORE_COLUMNS", "metric_values", "score_column", "score_table"]

METRICS: tuple[str, ...] = ("dsc", "nsd")
"""The two scores of every class."""


def score_column(name: str, metric: str) -> str:
    """Return the name of a score's column.

    Examples:
        >>> score_column("right kidney", "nsd")
        'right_kidney_nsd'
    """
    return f"{name.replace(' ', '_')}_{metric}"


SCORE_COLUMNS: tuple[str, ...] = tuple(score_column(name, metric) for name in CLASS_NAMES[1:] for metric in METRICS)
"""All columns: classes in class order, DSC before NSD."""


def score_table(scores: Mapping[str, CaseScores]) -> pd.DataFrame:
    """Make a table of the scores of many cases.

    Args:
        scores: Case name to the result of :func:`swinx.metrics.score_case`.

    Returns:
        One row per case, index ``case``, columns :data:`SCORE_COLUMNS`; scores in 0..1 or nan.

    Examples:
        >>> case = {name: {"dsc": 1.0, "nsd": 0.5} for name in CLASS_NAMES[1:]}
        >>> score_table({"a": case}).loc["a", "left_kidney_nsd"].item()
        0.5
    """
    rows = [[case[name][metric] for name in CLASS_NAMES[1:] for metric in METRICS] for case in scores.values()]
    index = pd.Index(list(scores), name="case", dtype=object)
    return pd.DataFrame(rows, index=index, columns=list(SCORE_COLUMNS), dtype=np.float64)


def metric_values(table: pd.DataFrame, metric: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return one score of all cases and classes, shape ``(cases, 14)``, classes in class order.

    Raises:
        ValueError: If a column of a class is missing.
    """
    columns = [score_column(name, metric) for name in CLASS_NAMES[1:]]
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(f"the score table lacks the columns {missing}; it must come from score_table or scores.csv")
    return np.asarray(table[columns].to_numpy(dtype=np.float64))

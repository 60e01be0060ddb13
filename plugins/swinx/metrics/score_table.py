"""Scores of many cases as one table, one row per case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from swinx.labels import FLARE23, LabelSet, read_label_set
from swinx.metrics.scoring import CaseScores

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["METRICS", "metric_values", "score_column", "score_columns", "score_table", "table_label_set"]

METRICS: tuple[str, ...] = ("dsc", "nsd")
"""The two scores of every class."""


def score_column(name: str, metric: str) -> str:
    """Return the name of a score's column.

    Examples:
        >>> score_column("right kidney", "nsd")
        'right_kidney_nsd'
    """
    return f"{name.replace(' ', '_')}_{metric}"


def score_columns(label_set: LabelSet = FLARE23) -> tuple[str, ...]:
    """Return all columns: classes in class order, DSC before NSD.

    Examples:
        >>> score_columns()[:2]
        ('liver_dsc', 'liver_nsd')
    """
    return tuple(score_column(name, metric) for name in label_set.names[1:] for metric in METRICS)


def score_table(scores: Mapping[str, CaseScores], label_set: LabelSet = FLARE23) -> pd.DataFrame:
    """Make a table of the scores of many cases.

    Args:
        scores: Case name to the result of :func:`swinx.metrics.score_case`.
        label_set: The classes.

    Returns:
        One row per case, index ``case``, columns :func:`score_columns`; scores in 0..1 or nan. Its ``attrs["labels"]``
        is the label set as plain data, see :func:`table_label_set`.

    Examples:
        >>> case = {name: {"dsc": 1.0, "nsd": 0.5} for name in FLARE23.names[1:]}
        >>> score_table({"a": case}).loc["a", "left_kidney_nsd"].item()
        0.5
    """
    rows = [[case[name][metric] for name in label_set.names[1:] for metric in METRICS] for case in scores.values()]
    import pandas as pd

    index = pd.Index(list(scores), name="case", dtype=object)
    table = pd.DataFrame(rows, index=index, columns=list(score_columns(label_set)), dtype=np.float64)
    table.attrs["labels"] = label_set.as_json()  # plain data, since pandas copies attributes
    return table


def table_label_set(table: pd.DataFrame) -> LabelSet | None:
    """Return the label set that a table of scores names in ``attrs["labels"]``; None if it names none."""
    told = table.attrs.get("labels")
    return None if told is None else read_label_set(told, "the table of scores")


def metric_values(
    table: pd.DataFrame, metric: str, label_set: LabelSet = FLARE23
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return one score of all cases and classes, shape ``(cases, classes)``, classes in class order.

    Raises:
        ValueError: If a column of a class is missing.
    """
    columns = [score_column(name, metric) for name in label_set.names[1:]]
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(f"the score table lacks the columns {missing}; it must come from score_table or scores.csv")
    return np.asarray(table[columns].to_numpy(dtype=np.float64))

"""Two sets of scores of the same cases, compared case by case."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from swinx.labels import CLASS_NAMES, ORGANS
from swinx.metrics.summary import ALL_CLASSES, ORGAN_AVERAGE
from swinx.metrics.table import METRICS, metric_values

__all__ = ["compare_tables", "rank_biserial"]

FloatArray = npt.NDArray[np.float64]


def compare_tables(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Test, class by class, whether ``b`` scores otherwise than ``a`` on the cases that both have.

    Two-sided Wilcoxon signed-rank test on the paired differences ``b - a`` (cases without a difference are
    dropped, as Wilcoxon did), with the matched-pairs rank-biserial correlation as effect size. The p-values of
    the 14 classes of one metric are also given adjusted for false discoveries (Benjamini-Hochberg).

    Reference:
        Kerby, "The simple difference formula: an approach to teaching nonparametric correlation",
        Comprehensive Psychology 3, 2014, https://doi.org/10.2466/11.IT.3.1.

    Args:
        a: Scores of one method, from :func:`swinx.metrics.score_table`.
        b: Scores of the other one; rows in any order.

    Returns:
        One row per class, then the per-case averages over the 13 organs and over all 14 classes. The index is
        ``class``; the columns are, for each of ``dsc`` and ``nsd``: ``_cases`` (pairs in which both are defined),
        ``_mean_a``, ``_mean_b``, ``_difference`` (mean of ``b - a``), ``_effect`` (-1: b worse in every case, 1:
        better in every case), ``_p`` and ``_p_adjusted`` (nan for the two averages).

    Raises:
        ValueError: If a case occurs twice, no case is in both tables, or a column is missing.
    """
    for name, table in (("first", a), ("second", b)):
        if not table.index.is_unique:
            twice = table.index[table.index.duplicated()].unique().tolist()
            raise ValueError(f"the {name} table has these cases more than once: {twice}")
    cases = a.index.intersection(b.index)
    if cases.empty:
        raise ValueError("the two tables have no case in common; are the case names the same?")
    columns: dict[str, list[float]] = {}
    for metric in METRICS:
        before, after = (_with_case_averages(metric_values(table.loc[cases], metric)) for table in (a, b))
        rows = [_compare(before[:, column], after[:, column]) for column in range(before.shape[1])]
        for key in rows[0]:
            columns[f"{metric}_{key}"] = [row[key] for row in rows]
        columns[f"{metric}_p_adjusted"] = [*_adjusted(columns[f"{metric}_p"][:-2]), math.nan, math.nan]
    index = pd.Index([*CLASS_NAMES[1:], ORGAN_AVERAGE, ALL_CLASSES], name="class")
    return pd.DataFrame(columns, index=index).astype({f"{metric}_cases": int for metric in METRICS})


def rank_biserial(differences: npt.ArrayLike) -> float:
    """Return the matched-pairs rank-biserial correlation of paired differences.

    The ranks of the absolute differences are summed over the positive and over the negative ones; the effect is
    the difference of the two sums over their total. Zero differences are dropped; without any other it is 0.

    Args:
        differences: Paired differences, shape ``(N,)``, finite.

    Returns:
        A number in -1..1.

    Examples:
        >>> rank_biserial([3.0, 2.0, -1.0, 0.0])
        0.6666666666666666
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[values != 0]
    if values.size == 0:
        return 0.0
    ranks = stats.rankdata(np.abs(values))
    return float((ranks * np.sign(values)).sum() / ranks.sum())


def _compare(before: FloatArray, after: FloatArray) -> dict[str, float]:
    paired = ~(np.isnan(before) | np.isnan(after))
    # Scores have four decimals; more in a difference is noise that would break the ties between ranks.
    differences = np.round(after[paired] - before[paired], 10)
    if not paired.any():
        return {"cases": 0, **dict.fromkeys(("mean_a", "mean_b", "difference", "effect", "p"), math.nan)}
    p = float(stats.wilcoxon(differences, zero_method="wilcox").pvalue) if differences.any() else 1.0
    return {
        "cases": int(paired.sum()),
        "mean_a": float(before[paired].mean()),
        "mean_b": float(after[paired].mean()),
        "difference": float(differences.mean()),
        "effect": rank_biserial(differences),
        "p": p,
    }


def _with_case_averages(values: FloatArray) -> FloatArray:
    """Append the average over organs and over all classes; nan where any of them is undefined."""
    organs = values[:, : len(ORGANS)].mean(axis=1, keepdims=True)
    return np.concatenate([values, organs, values.mean(axis=1, keepdims=True)], axis=1)


def _adjusted(p_values: list[float]) -> list[float]:
    p = np.asarray(p_values)
    tested = ~np.isnan(p)
    if tested.any():
        p[tested] = stats.false_discovery_control(p[tested])
    return [float(value) for value in p]

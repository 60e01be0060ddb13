"""Paired comparison of two sets of scores of the same cases."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import stats

from swinx.errors import LabelSetError
from swinx.labels import FLARE23, LabelSet
from swinx.metrics.intervals import patient_codes
from swinx.metrics.score_table import METRICS, metric_values, table_label_set
from swinx.metrics.summary import averages, class_columns
from swinx.rules import ScoreRules

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare_tables", "rank_biserial"]

FloatArray = npt.NDArray[np.float64]

_COUNTS = ("cases", "patients", "values", "left_out")


def compare_tables(
    a: pd.DataFrame,
    b: pd.DataFrame,
    patients: Mapping[str, str] | None = None,
    label_set: LabelSet | None = None,
) -> pd.DataFrame:
    """Test, class by class, for a difference between the scores ``a`` and ``b`` of the cases in both.

    Two-sided Wilcoxon signed-rank test on the paired differences ``b - a`` (cases without a difference are
    dropped, as Wilcoxon did), with the matched-pairs rank-biserial correlation as effect size. The p-values of
    the classes of one metric are also given adjusted for false discoveries (Benjamini-Hochberg).

    A score counts where both tables define it. The averages of a case are over the classes that both define there, so
    that an organ which is undefined in one of the tables costs its own value and not the case.

    Reference:
        Kerby, "The simple difference formula: an approach to teaching nonparametric correlation",
        Comprehensive Psychology 3, 2014, https://doi.org/10.2466/11.IT.3.1.

    Args:
        a: Scores of one method, from :func:`swinx.metrics.score_table`.
        b: Scores of the other one; rows in any order.
        patients: Case name to patient. The cases of one patient are averaged before the test, which takes its pairs
            as independent. By default, and for a case that is not in it, every case is a patient of its own.
        label_set: The classes; by default those that the tables name, and of FLARE-23 if they name none.

    Returns:
        One row per class, then the per-case averages of :func:`swinx.metrics.averages`. The index is
        ``class``; the columns are, for each of ``dsc`` and ``nsd``: ``_cases`` (cases with a value in both tables),
        ``_patients`` (pairs of the test), ``_values`` (values of single classes that entered from each table),
        ``_left_out`` (values that did not, since one of the two is undefined), ``_mean_a``, ``_mean_b``,
        ``_difference`` (mean of ``b - a``), ``_effect`` (-1: b worse in every case, 1: better in every case), ``_p``
        and ``_p_adjusted`` (nan for the averages).

    Raises:
        LabelSetError: If the tables name two label sets, of other classes or with other tolerances.
        ValueError: If a case occurs twice, no case is in both tables, a column is missing, or the tables name two
            protocols (``attrs["protocol"]``).
    """
    for name, table in (("first", a), ("second", b)):
        if not table.index.is_unique:
            twice = table.index[table.index.duplicated()].unique().tolist()
            raise ValueError(f"the {name} table has these cases more than once: {twice}")
    protocols = {table.attrs.get("protocol") for table in (a, b)} - {None}
    if len(protocols) > 1:
        raise ValueError(f"the two tables are of the protocols {' and '.join(sorted(protocols))}; score both by one")
    chosen = label_set or _one_label_set(a, b)
    cases = a.index.intersection(b.index)
    if cases.empty:
        raise ValueError("the two tables have no case in common; are the case names the same?")
    codes = patient_codes(list(cases), patients)
    groups = averages(chosen)
    columns: dict[str, list[float]] = {}
    for metric in METRICS:
        before, after = (metric_values(table.loc[cases], metric, chosen) for table in (a, b))
        defined = ~(np.isnan(before) | np.isnan(after))
        before, after = (np.where(defined, values, np.nan) for values in (before, after))
        parts = [class_columns([label]) for label in chosen.foreground] + [class_columns(g) for g in groups.values()]
        rows = [_compare(before[:, part], after[:, part], codes) for part in parts]
        for key in rows[0]:
            columns[f"{metric}_{key}"] = [row[key] for row in rows]
        adjusted = _adjusted(columns[f"{metric}_p"][: len(chosen)])
        columns[f"{metric}_p_adjusted"] = [*adjusted, *[math.nan] * len(groups)]
    import pandas as pd

    index = pd.Index([*chosen.names[1:], *groups], name="class")
    return pd.DataFrame(columns, index=index).astype({f"{metric}_{key}": int for metric in METRICS for key in _COUNTS})


def _one_label_set(a: pd.DataFrame, b: pd.DataFrame) -> LabelSet:
    """Return the label set of two tables, as far as they name one."""
    first, second = (table_label_set(table) for table in (a, b))
    if first is None or second is None:
        return first or second or FLARE23
    told, other = ({each.name: each.tolerance_mm for each in one.classes} for one in (first, second))
    if told == other:
        return first
    raise LabelSetError(
        ScoreRules.TWO_SETS.says(
            first=first.name or "without a name",
            second=second.name or "without a name",
            difference="their tolerances" if told.keys() == other.keys() else "their classes",
        )
    )


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


def _compare(before: FloatArray, after: FloatArray, patients: npt.NDArray[np.intp]) -> dict[str, float]:
    """Compare the averages of some classes; both ``(cases, classes)``, nan where either is undefined."""
    defined = ~np.isnan(before)
    paired = defined.any(axis=1)
    counts = {
        "cases": int(paired.sum()),
        "patients": len(np.unique(patients[paired])),
        "values": int(defined.sum()),
        "left_out": int((~defined).sum()),
    }
    if not paired.any():
        return {**counts, **dict.fromkeys(("mean_a", "mean_b", "difference", "effect", "p"), math.nan)}
    first, second = (np.nanmean(values[paired], axis=1) for values in (before, after))
    sizes = np.bincount(patients[paired])
    gains = np.bincount(patients[paired], weights=second - first)[sizes > 0] / sizes[sizes > 0]
    # Scores have four decimals; more in a difference is noise that would break the ties between ranks.
    gains = np.round(gains, 10)
    p = float(stats.wilcoxon(gains, zero_method="wilcox").pvalue) if gains.any() else 1.0
    return {
        **counts,
        "mean_a": float(first.mean()),
        "mean_b": float(second.mean()),
        "difference": float((second - first).mean()),
        "effect": rank_biserial(gains),
        "p": p,
    }


def _adjusted(p_values: list[float]) -> list[float]:
    p = np.asarray(p_values)
    tested = ~np.isnan(p)
    if tested.any():
        p[tested] = stats.false_discovery_control(p[tested])
    return [float(value) for value in p]

"""Summary of scored cases: mean, spread and confidence interval of every class and average."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from swinx.labels import FLARE23, LabelSet
from swinx.metrics.intervals import mean_interval, patient_codes
from swinx.metrics.score_table import METRICS, metric_values, table_label_set

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ALL_CLASSES",
    "ORGAN_AVERAGE",
    "ScoreSummary",
    "Statistic",
    "SummaryRow",
    "averages",
    "class_columns",
    "summarise",
]

FloatArray = npt.NDArray[np.float64]

ORGAN_AVERAGE = "organ average"
"""Name of the row that averages the classes that are no lesions, as the challenge ranks."""

ALL_CLASSES = "average"
"""Name of the row that averages all classes, as the Swin-X Seg paper reports."""


def averages(label_set: LabelSet = FLARE23) -> dict[str, tuple[int, ...]]:
    """Return the averages that a summary has, with the ids of their classes.

    :data:`ORGAN_AVERAGE` is over the classes that are no lesions, and :data:`ALL_CLASSES` over all. An average that is
    always equal to another one, or to the score of a single class, is left out: without lesions there is no organ
    average, and a label set of one class has no average at all.

    Examples:
        >>> from swinx.labels import read_label_set
        >>> [list(averages(read_label_set(name))) for name in ("flare23", "amos", "flare_lesion")]
        [['organ average', 'average'], ['average'], []]
    """
    groups = {ORGAN_AVERAGE: label_set.organs if label_set.lesions else (), ALL_CLASSES: tuple(label_set.foreground)}
    return {name: labels for name, labels in groups.items() if len(labels) > 1}


def class_columns(labels: Sequence[int]) -> slice | list[int]:
    """Return where the columns of some classes are in scores ``(cases, classes)``; a slice, if they lie side by side.

    A sum over a slice and one over a list of the same columns may differ in the last bit.
    """
    first, last = labels[0], labels[-1]
    return slice(first - 1, last) if list(labels) == list(range(first, last + 1)) else [label - 1 for label in labels]


@dataclass(frozen=True)
class Statistic:
    """One score over many cases, in 0..1; every number is nan if no case has the score.

    Attributes:
        mean: Mean over the cases that have the score.
        sd: Sample standard deviation over these cases (divisor n - 1); nan for a single case.
        low: Lower end of the confidence interval of the mean, see :func:`swinx.metrics.mean_interval`; nan if fewer
            than :data:`swinx.metrics.MINIMUM_PATIENTS` patients have the score.
        high: Upper end.
        cases: Number of cases that have the score.
        patients: Number of patients that these cases are of.
    """

    mean: float
    sd: float
    low: float
    high: float
    cases: int
    patients: int


@dataclass(frozen=True)
class SummaryRow:
    """One line of the summary.

    Attributes:
        name: Class name, :data:`ORGAN_AVERAGE` or :data:`ALL_CLASSES`.
        dsc: Dice.
        nsd: Surface Dice.
        left_out: Cases whose score of this class is undefined: the class was not annotated in the case or, with
            protocol ``standard``, the reference does not have it. None for the averages.
        averaged: True if the class counts in the averages: some reference of the cohort has it. For an average, True.
    """

    name: str
    dsc: Statistic
    nsd: Statistic
    left_out: int | None
    averaged: bool = True


@dataclass(frozen=True)
class ScoreSummary:
    """Means over all cases.

    Attributes:
        rows: The classes in class order, then their :func:`averages`, in which classes that no reference has do not
            count.
        cases: Number of cases.
        patients: Number of patients that the cases are of.
        confidence: Confidence level of the intervals, e.g. 0.95.
    """

    rows: tuple[SummaryRow, ...]
    cases: int
    patients: int
    confidence: float

    @property
    def not_averaged(self) -> tuple[str, ...]:
        """Classes that no reference has."""
        return tuple(row.name for row in self.rows if not row.averaged)

    @property
    def averages(self) -> tuple[SummaryRow, ...]:
        """Rows of the averages."""
        return tuple(row for row in self.rows if row.left_out is None)

    def __getitem__(self, name: str) -> SummaryRow:
        """Return the row with a name; that of an average, should a class be called as it is.

        Raises:
            KeyError: If there is none.
        """
        for row in reversed(self.rows):
            if row.name == name:
                return row
        raise KeyError(name)


def summarise(
    table: pd.DataFrame,
    patients: Mapping[str, str] | None = None,
    referenced: Collection[int] | None = None,
    confidence: float = 0.95,
    label_set: LabelSet | None = None,
) -> ScoreSummary:
    """Summarise scored cases, in the manner of Table 3 of the Swin-X Seg paper.

    The mean of a class is taken over the cases in which its score is defined. An average of classes is the mean
    of their means; its standard deviation is that of the per-case average over the classes defined there.

    Note:
        The challenge's script rounds the mean of each class to 4 decimals before it averages the organs; this
        does not round. The two differ by less than 0.0001. The script also averages classes that no reference of the
        cohort has, with 1 for each case; ``referenced`` leaves them out.

    Args:
        table: One row per case, from :func:`swinx.metrics.score_table`.
        patients: Case name to patient; by default, and for a case that is not in it, every case is a patient of its
            own. The cases of one patient are one observation in the confidence intervals.
        referenced: Ids of the classes that some reference has; the others are not averaged. By default all count.
        confidence: Confidence level in 0..1, both ends excluded.
        label_set: The classes; by default those that the table names, and of FLARE-23 if it names none.

    Raises:
        ValueError: If the table has no case or lacks a column, or the confidence is out of range.
    """
    if len(table) == 0:
        raise ValueError("there is no scored case to summarise")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} must lie between 0 and 1")
    codes = patient_codes(list(table.index), patients)
    chosen = label_set or table_label_set(table) or FLARE23
    counted = np.array([referenced is None or label in referenced for label in chosen.foreground])
    values = {metric: metric_values(table, metric, chosen) for metric in METRICS}
    groups = averages(chosen)
    columns = [class_columns(labels) for labels in groups.values()]
    statistics = {metric: _statistics(values[metric], codes, counted, columns, confidence) for metric in METRICS}
    undefined = np.isnan(values["dsc"]).sum(axis=0)
    left_out: list[int | None] = [*(int(count) for count in undefined), *[None] * len(groups)]
    titles = (*chosen.names[1:], *groups)
    averaged = [*map(bool, counted), *[True] * len(groups)]
    rows = zip(titles, statistics["dsc"], statistics["nsd"], left_out, averaged, strict=True)
    return ScoreSummary(tuple(SummaryRow(*row) for row in rows), len(table), len(np.unique(codes)), confidence)


def _statistics(
    values: FloatArray,
    patients: npt.NDArray[np.intp],
    counted: npt.NDArray[np.bool_],
    groups: Sequence[slice | list[int]],
    confidence: float,
) -> list[Statistic]:
    """Return the statistics of the classes and of the averages.

    Args:
        values: Scores, shape ``(cases, classes)``, nan where undefined.
        patients: Number of the patient of each case.
        counted: Which classes count in the averages, ``(classes,)``.
        groups: Columns of each average.
        confidence: Confidence level.
    """
    classes = np.where(counted, values, np.nan)
    parts = [*(values[:, [column]] for column in range(values.shape[1])), *(classes[:, group] for group in groups)]
    return [_statistic(part, patients, confidence) for part in parts]


def _statistic(values: FloatArray, patients: npt.NDArray[np.intp], confidence: float) -> Statistic:
    """Return the statistic of the mean of the classes' means; ``values`` ``(cases, classes)``."""
    with _empty_means_are_nan():
        per_case = np.nanmean(values, axis=1)
        mean = float(np.nanmean(np.nanmean(values, axis=0)))
        spread = float(np.nanstd(per_case, ddof=1))
    low, high, independent = mean_interval(values, patients, confidence)
    return Statistic(mean, spread, low, high, int((~np.isnan(per_case)).sum()), independent)


@contextmanager
def _empty_means_are_nan() -> Iterator[None]:
    """Silence NumPy's warnings where nan is the right result: a class without cases, the spread of one case."""
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.filterwarnings("ignore", "Mean of empty slice|Degrees of freedom|All-NaN", RuntimeWarning)
        yield

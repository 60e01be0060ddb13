"""Many scored cases in one table: mean, spread and confidence interval of every class and average."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from swinx.labels import CLASS_NAMES, ORGANS
from swinx.metrics.table import METRICS, metric_values

__all__ = ["ALL_CLASSES", "ORGAN_AVERAGE", "ScoreSummary", "Statistic", "SummaryRow", "summarise"]

FloatArray = npt.NDArray[np.float64]

ORGAN_AVERAGE = "organ average"
"""Name of the row that averages the 13 organs, as the challenge ranks."""

ALL_CLASSES = "average"
"""Name of the row that averages the 13 organs and the tumour, as the Swin-X Seg paper reports."""


@dataclass(frozen=True)
class Statistic:
    """One score over many cases, in 0..1; every number is nan if no case has the score.

    Attributes:
        mean: Mean over the cases that have the score.
        sd: Sample standard deviation over these cases (divisor n - 1); nan for a single case.
        low: Lower end of the bootstrap confidence interval of the mean.
        high: Upper end.
        cases: Number of cases that have the score.
    """

    mean: float
    sd: float
    low: float
    high: float
    cases: int


@dataclass(frozen=True)
class SummaryRow:
    """One line of the summary.

    Attributes:
        name: Class name, :data:`ORGAN_AVERAGE` or :data:`ALL_CLASSES`.
        dsc: Dice.
        nsd: Surface Dice.
        left_out: Cases whose score of this class is undefined: with protocol ``fixed``, because the reference
            does not have the class. None for the averages.
    """

    name: str
    dsc: Statistic
    nsd: Statistic
    left_out: int | None


@dataclass(frozen=True)
class ScoreSummary:
    """Means over all cases.

    Attributes:
        rows: The 14 classes in class order (tumour last), then the average over the 13 organs, then the average
            over all 14 classes.
        cases: Number of cases.
        confidence: Confidence level of the intervals, e.g. 0.95.
        resamples: Bootstrap resamples behind the intervals.
    """

    rows: tuple[SummaryRow, ...]
    cases: int
    confidence: float
    resamples: int

    def __getitem__(self, name: str) -> SummaryRow:
        """Return the row of that name.

        Raises:
            KeyError: If there is none.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)


def summarise(
    table: pd.DataFrame, generator: np.random.Generator, resamples: int = 2000, confidence: float = 0.95
) -> ScoreSummary:
    """Summarise scored cases, in the manner of Table 3 of the Swin-X Seg paper.

    The mean of a class is taken over the cases in which its score is defined. An average of classes is the mean
    of their means; its standard deviation is that of the per-case average over the classes defined there.
    Confidence intervals are percentile bootstrap intervals: whole cases are drawn with replacement, and all
    means are taken again.

    Note:
        The challenge's script rounds the mean of each class to 4 decimals before it averages the organs; this
        does not round. The two differ by less than 0.0001.

    Args:
        table: One row per case, from :func:`swinx.metrics.score_table`.
        generator: Source of the bootstrap's random numbers.
        resamples: Bootstrap resamples.
        confidence: Confidence level in 0..1, both ends excluded.

    Raises:
        ValueError: If the table has no case or lacks a column, or an argument is out of range.
    """
    if len(table) == 0:
        raise ValueError("there is no scored case to summarise")
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(f"confidence {confidence} must lie between 0 and 1, and resamples {resamples} be positive")
    # How often each case is drawn in each resample: a mean of draws is a weighted mean of cases.
    weights = generator.multinomial(len(table), np.full(len(table), 1 / len(table)), size=resamples)
    statistics = {
        metric: _statistics(metric_values(table, metric), weights.astype(np.float64), confidence) for metric in METRICS
    }
    undefined = np.isnan(metric_values(table, "dsc")).sum(axis=0)
    left_out: list[int | None] = [*(int(count) for count in undefined), None, None]
    names = (*CLASS_NAMES[1:], ORGAN_AVERAGE, ALL_CLASSES)
    rows = zip(names, statistics["dsc"], statistics["nsd"], left_out, strict=True)
    return ScoreSummary(tuple(SummaryRow(*row) for row in rows), len(table), confidence, resamples)


def _statistics(values: FloatArray, weights: FloatArray, confidence: float) -> list[Statistic]:
    """Return the statistics of 14 classes and both averages.

    Args:
        values: Scores, shape ``(cases, 14)``, nan where undefined.
        weights: Draws of each case, shape ``(resamples, cases)``.
        confidence: Confidence level.
    """
    with _empty_means_are_nan():
        per_case = _with_averages(values)
        means = _with_averages(np.nanmean(values, axis=0))
        spreads = np.nanstd(per_case, axis=0, ddof=1)
        defined = ~np.isnan(values)
        drawn = (weights @ np.where(defined, values, 0)) / (weights @ defined)
        tail = (1 - confidence) / 2
        low, high = np.nanquantile(_with_averages(drawn), [tail, 1 - tail], axis=0)
    counts = (~np.isnan(per_case)).sum(axis=0)
    columns = zip(means, spreads, low, high, counts, strict=True)
    return [Statistic(float(m), float(s), float(a), float(b), int(n)) for m, s, a, b, n in columns]


def _with_averages(values: FloatArray) -> FloatArray:
    """Append the mean over the organs and the mean over all classes to the last axis."""
    organs = np.nanmean(values[..., : len(ORGANS)], axis=-1, keepdims=True)
    return np.concatenate([values, organs, np.nanmean(values, axis=-1, keepdims=True)], axis=-1)


@contextmanager
def _empty_means_are_nan() -> Iterator[None]:
    """Silence NumPy where nan is the answer we want: a class that no case has, the spread of one case."""
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.filterwarnings("ignore", "Mean of empty slice|Degrees of freedom|All-NaN", RuntimeWarning)
        yield

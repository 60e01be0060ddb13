"""Scores of a case, their tables, summaries, intervals and comparisons."""

from __future__ import annotations

from swinx.metrics.comparison import compare_tables, rank_biserial
from swinx.metrics.intervals import MINIMUM_PATIENTS, mean_interval, patient_codes
from swinx.metrics.protocols import PROTOCOLS, Protocol, fitting_protocol, read_protocol
from swinx.metrics.score_table import METRICS, score_column, score_columns, score_table, table_label_set
from swinx.metrics.score_text import (
    aligned_table,
    explain,
    explained_table,
    summary_as_json,
    summary_as_markdown,
)
from swinx.metrics.scoring import CaseScores, score_case
from swinx.metrics.summary import ALL_CLASSES, ORGAN_AVERAGE, ScoreSummary, Statistic, averages, summarise
from swinx.metrics.surface import dice, dice_per_class, surface_dice

__all__ = [
    "ALL_CLASSES",
    "METRICS",
    "MINIMUM_PATIENTS",
    "ORGAN_AVERAGE",
    "PROTOCOLS",
    "CaseScores",
    "Protocol",
    "ScoreSummary",
    "Statistic",
    "aligned_table",
    "averages",
    "compare_tables",
    "dice",
    "dice_per_class",
    "explain",
    "explained_table",
    "fitting_protocol",
    "mean_interval",
    "patient_codes",
    "rank_biserial",
    "read_protocol",
    "score_case",
    "score_column",
    "score_columns",
    "score_table",
    "summarise",
    "summary_as_json",
    "summary_as_markdown",
    "surface_dice",
    "table_label_set",
]

"""The FLARE scorer: one case, a table of cases, its summary, and two tables compared; the health of representations."""

from __future__ import annotations

from swinx.metrics.comparison import compare_tables, rank_biserial
from swinx.metrics.flare import PROTOCOLS, CaseScores, Protocol, read_protocol, score_case
from swinx.metrics.intervals import MINIMUM_PATIENTS, mean_interval
from swinx.metrics.overlap import dice, dice_per_class
from swinx.metrics.probe import PROBES, Probe, ProbeScores, VoxelFeatures, require_probe, run_probe
from swinx.metrics.probe_comparison import PairedDifference, ProbeComparison, Spread, compare_cases, compare_probes
from swinx.metrics.representations import agreement, effective_rank, entropy_of_mean, mean_entropy, relative_spread
from swinx.metrics.summary import ALL_CLASSES, ORGAN_AVERAGE, ScoreSummary, Statistic, SummaryRow, summarise
from swinx.metrics.surface import surface_dice
from swinx.metrics.table import SCORE_COLUMNS, score_column, score_table

__all__ = [
    "ALL_CLASSES",
    "MINIMUM_PATIENTS",
    "ORGAN_AVERAGE",
    "PROBES",
    "PROTOCOLS",
    "SCORE_COLUMNS",
    "CaseScores",
    "PairedDifference",
    "Probe",
    "ProbeComparison",
    "ProbeScores",
    "Protocol",
    "ScoreSummary",
    "Spread",
    "Statistic",
    "SummaryRow",
    "VoxelFeatures",
    "agreement",
    "compare_cases",
    "compare_probes",
    "compare_tables",
    "dice",
    "dice_per_class",
    "effective_rank",
    "entropy_of_mean",
    "mean_entropy",
    "mean_interval",
    "rank_biserial",
    "read_protocol",
    "relative_spread",
    "require_probe",
    "run_probe",
    "score_case",
    "score_column",
    "score_table",
    "summarise",
    "surface_dice",
]

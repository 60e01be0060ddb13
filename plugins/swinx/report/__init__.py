"""Tables and pictures."""

from __future__ import annotations

from swinx.report.case_pairs import pair_cases
from swinx.report.score_text import format_table
from swinx.report.scores import ScoreReport, read_scores, score_folders

__all__ = ["ScoreReport", "format_table", "pair_cases", "read_scores", "score_folders"]

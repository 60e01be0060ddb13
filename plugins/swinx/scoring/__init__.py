"""Scores of folders of predictions against a reference."""

from __future__ import annotations

from swinx.scoring.case_pairs import listed_pair, pair_cases, read_reference
from swinx.scoring.recorded_classes import classes_of_predictions
from swinx.scoring.reference_facts import ReferenceList, label_set_beside
from swinx.scoring.result_sets import check_scored_results, one_result_set
from swinx.scoring.score_folders import ScoreReport, read_scores, score_folders, score_pairs

__all__ = [
    "ReferenceList",
    "ScoreReport",
    "check_scored_results",
    "classes_of_predictions",
    "label_set_beside",
    "listed_pair",
    "one_result_set",
    "pair_cases",
    "read_reference",
    "read_scores",
    "score_folders",
    "score_pairs",
]

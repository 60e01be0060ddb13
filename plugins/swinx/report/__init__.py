"""Tables and pictures."""

from __future__ import annotations

from swinx.report.annotated_table import annotated_table
from swinx.report.case_pairs import pair_cases
from swinx.report.colours import CLASS_COLOURS
from swinx.report.demo_verdict import demo_verdict
from swinx.report.evaluation import score_cases
from swinx.report.overlay_folders import OverlayReport, write_overlays
from swinx.report.overlays import write_overlay
from swinx.report.pipeline_report import write_report
from swinx.report.probe_files import ProbeReport
from swinx.report.probes import probe_encoders
from swinx.report.reconstruction_figure import draw_reconstruction
from swinx.report.refinement_gain import RefinementGain, refinement_gain
from swinx.report.score_text import format_table
from swinx.report.scores import ScoreReport, read_scores, score_folders
from swinx.report.triplet_figure import draw_triplets

__all__ = [
    "CLASS_COLOURS",
    "OverlayReport",
    "ProbeReport",
    "RefinementGain",
    "ScoreReport",
    "annotated_table",
    "demo_verdict",
    "draw_reconstruction",
    "draw_triplets",
    "format_table",
    "pair_cases",
    "probe_encoders",
    "read_scores",
    "refinement_gain",
    "score_cases",
    "score_folders",
    "write_overlay",
    "write_overlays",
    "write_report",
]

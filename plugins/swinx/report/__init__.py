"""HTML report and overlay pictures."""

from __future__ import annotations

from swinx.report.evaluation import score_cases
from swinx.report.overlay_folders import OverlayReport, write_overlays
from swinx.report.overlay_picture import write_overlay
from swinx.report.pipeline_report import write_report

__all__ = [
    "OverlayReport",
    "score_cases",
    "write_overlay",
    "write_overlays",
    "write_report",
]

"""The FLARE scorer."""

from __future__ import annotations

from swinx.metrics.flare import PROTOCOLS, CaseScores, Protocol, score_case
from swinx.metrics.surface import surface_dice

__all__ = ["PROTOCOLS", "CaseScores", "Protocol", "score_case", "surface_dice"]

"""Whole scans window by window, in bounded memory."""

from __future__ import annotations

from swinx.inferers.label_windows import SlidingWindowLabelInferer, sliding_window_labels
from swinx.inferers.masked_reconstruction import MaskedReconstructionInferer, reconstruct_masked

__all__ = [
    "MaskedReconstructionInferer",
    "SlidingWindowLabelInferer",
    "reconstruct_masked",
    "sliding_window_labels",
]

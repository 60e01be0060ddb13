"""Whole scans window by window, in bounded memory."""

from __future__ import annotations

from swinx.inferers.label_inferer import SlidingWindowLabelInferer, air_below
from swinx.inferers.label_windows import LaidWindows, sliding_window_labels
from swinx.inferers.masked_reconstruction import MaskedReconstructionInferer, reconstruct_masked
from swinx.inferers.mixed_precision_inferer import MixedPrecisionInferer
from swinx.inferers.sampled_features import SampledFeaturesInferer, sampled_features
from swinx.inferers.window_budget import WindowBudget

__all__ = [
    "LaidWindows",
    "MaskedReconstructionInferer",
    "MixedPrecisionInferer",
    "SampledFeaturesInferer",
    "SlidingWindowLabelInferer",
    "WindowBudget",
    "air_below",
    "reconstruct_masked",
    "sampled_features",
    "sliding_window_labels",
]

"""Label sets: the classes of a segmentation, and their plausible volumes."""

from __future__ import annotations

from swinx.labels.flare23 import (
    CLASS_COLOURS,
    CLASS_NAMES,
    LEFT_RIGHT_PAIRS,
    NSD_TOLERANCE_MM,
    NUM_CLASSES,
    ORGANS,
    TOTALSEGMENTATOR_TO_FLARE,
    UNKNOWN,
    FlareLabel,
    class_name,
    may_be_empty,
)
from swinx.labels.volume_ranges import PlausibleVolumes, plausible_ml, plausible_volumes

__all__ = [
    "CLASS_COLOURS",
    "CLASS_NAMES",
    "LEFT_RIGHT_PAIRS",
    "NSD_TOLERANCE_MM",
    "NUM_CLASSES",
    "ORGANS",
    "TOTALSEGMENTATOR_TO_FLARE",
    "UNKNOWN",
    "FlareLabel",
    "PlausibleVolumes",
    "class_name",
    "may_be_empty",
    "plausible_ml",
    "plausible_volumes",
]

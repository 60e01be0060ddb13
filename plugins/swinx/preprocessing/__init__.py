"""From a CT in HU to the input of a network."""

from __future__ import annotations

from swinx.preprocessing.body import body_box_mm
from swinx.preprocessing.cached_scans import CachedScansd
from swinx.preprocessing.ct_preprocessing import CTPreprocessingd, as_volume, file_of
from swinx.preprocessing.intensity import body_threshold

__all__ = [
    "CTPreprocessingd",
    "CachedScansd",
    "as_volume",
    "body_box_mm",
    "body_threshold",
    "file_of",
]

"""From a CT in HU to the input of a network."""

from __future__ import annotations

from swinx.preprocessing.ct_preprocessing import CTPreprocessingd

__all__ = [
    "CTPreprocessingd",
]

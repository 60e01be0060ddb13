"""Thin dictionary transforms over `swinx.ops`."""

from __future__ import annotations

from swinx.transforms.ct_preprocessing import CTPreprocessingd
from swinx.transforms.mirroring import RandLeftRightFlipd
from swinx.transforms.restore_labels import RestoreLabelsd
from swinx.transforms.save_labels import SaveLabelsd

__all__ = ["CTPreprocessingd", "RandLeftRightFlipd", "RestoreLabelsd", "SaveLabelsd"]

"""Segmentation in one call: a scan of any kind and a model from anywhere in, labels of the same kind out."""

from __future__ import annotations

from swinx.segmentation.class_statistics import class_statistics
from swinx.segmentation.loaded_model import LoadedModel, load_model
from swinx.segmentation.one_call import segment
from swinx.segmentation.segment_folder import Batch, segment_folder
from swinx.segmentation.segmentation_result import Segmentation

__all__ = [
    "Batch",
    "LoadedModel",
    "Segmentation",
    "class_statistics",
    "load_model",
    "segment",
    "segment_folder",
]

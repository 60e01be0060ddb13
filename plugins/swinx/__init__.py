"""swinx: the parts that the Swin-X Seg bundles name in their configurations, and segmentation in one call."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swinx.segmentation import Segmentation, load_model, segment

__all__ = ["Segmentation", "__version__", "load_model", "segment"]

__version__ = "0.2.0"


def __getattr__(name: str) -> object:
    """Import the segmentation, and PyTorch with it, when it is asked for: the version alone costs nothing."""
    if name in ("Segmentation", "load_model", "segment"):
        return getattr(importlib.import_module("swinx.segmentation"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

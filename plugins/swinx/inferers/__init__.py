"""Sliding windows in bounded memory."""

from __future__ import annotations

from swinx.inferers.label_windows import SlidingWindowLabelInferer, sliding_window_labels

__all__ = ["SlidingWindowLabelInferer", "sliding_window_labels"]

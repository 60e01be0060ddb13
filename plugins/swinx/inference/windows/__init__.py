"""Sliding windows: tiling, accumulation of logits, memory and time."""

from __future__ import annotations

__all__: list[str] = []

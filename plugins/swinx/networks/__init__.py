"""The Swin-X encoder and segmentation network, and their weights."""

from __future__ import annotations

__all__: list[str] = []

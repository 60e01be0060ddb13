"""nnU-Net v2 as a teacher: data set, training, prediction."""

from __future__ import annotations

__all__: list[str] = []

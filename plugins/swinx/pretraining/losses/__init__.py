"""SMIT's losses: masked image prediction, and distillation of patch and image tokens."""

from __future__ import annotations

__all__: list[str] = []

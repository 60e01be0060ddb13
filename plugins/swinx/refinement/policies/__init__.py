"""Fusion policies, filters of pseudo-labels, selection of cases."""

from __future__ import annotations

__all__: list[str] = []

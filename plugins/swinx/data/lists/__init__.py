"""Data lists: sections, entries, annotated classes, splits."""

from __future__ import annotations

__all__: list[str] = []

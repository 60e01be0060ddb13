"""Data lists of collections in any layout: known layouts, patterns of paths, splits by patient."""

from __future__ import annotations

__all__: list[str] = []

"""The table of settings: kinds, ranges, meanings, relations."""

from __future__ import annotations

__all__: list[str] = []

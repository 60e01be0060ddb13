"""Sliding windows in bounded memory."""

from __future__ import annotations

__all__: list[str] = []

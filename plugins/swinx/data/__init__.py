"""Readers, data lists, integrity checks and cohorts."""

from __future__ import annotations

__all__: list[str] = []

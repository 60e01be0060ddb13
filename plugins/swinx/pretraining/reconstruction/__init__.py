"""Reconstruction of masked scans, as volumes and pictures."""

from __future__ import annotations

__all__: list[str] = []

"""Workflows on MONAI and Ignite engines."""

from __future__ import annotations

__all__: list[str] = []

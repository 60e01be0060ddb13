"""Phantoms of the abdomen: body, organs, tumours, contrast."""

from __future__ import annotations

__all__: list[str] = []

"""Linear probes of frozen encoders."""

from __future__ import annotations

__all__: list[str] = []

"""Tables and pictures."""

from __future__ import annotations

__all__: list[str] = []

"""Loss and sampling for partially labelled scans."""

from __future__ import annotations

__all__: list[str] = []

"""DICOM series and structure sets: choosing, ordering, checking, reading."""

from __future__ import annotations

__all__: list[str] = []

"""DICOM Segmentation objects: writing and checking."""

from __future__ import annotations

__all__: list[str] = []

"""File formats: headers, voxels, checksums, declared sizes."""

from __future__ import annotations

__all__: list[str] = []

"""Folders of scans and of label maps: cases, names, kinds of files."""

from __future__ import annotations

__all__: list[str] = []

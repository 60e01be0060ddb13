"""Pure functions on arrays and tensors; they know no MONAI engine and no file."""

from __future__ import annotations

__all__: list[str] = []

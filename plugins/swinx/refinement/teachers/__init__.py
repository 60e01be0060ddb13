"""Teachers: a bundle, a folder of predictions, an ensemble, nnU-Net."""

from __future__ import annotations

__all__: list[str] = []

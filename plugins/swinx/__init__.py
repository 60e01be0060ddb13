"""swinx: the parts that the Swin-X Seg bundles name in their configurations."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"

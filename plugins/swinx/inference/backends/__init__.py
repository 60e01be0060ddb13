"""Backends that run the network: PyTorch, OpenVINO."""

from __future__ import annotations

__all__: list[str] = []

"""What runs the network: PyTorch, OpenVINO, TensorRT."""

from __future__ import annotations

__all__: list[str] = []

"""What runs the windows of a bundle, by name."""

from __future__ import annotations

import logging

import torch

from swinx.errors import ExportError
from swinx.exports.openvino_engine import OpenVINOEngine
from swinx.networks import Engine, TorchEngine

__all__ = ["ENGINES", "choose_engine"]

ENGINES = ("plain", "torch", "openvino", "auto")
"""``plain``: the network as it is; ``torch``: split, in PyTorch; ``openvino``: split, on CPUs; ``auto``: see below."""

_logger = logging.getLogger(__name__)


def choose_engine(name: str, device: torch.device | str = "cpu") -> Engine | None:
    """Return an engine for :class:`swinx.inferers.SlidingWindowLabelInferer`, None for the network as it is.

    Args:
        name: One of :data:`ENGINES`. ``auto`` is OpenVINO on a CPU where it is installed, and else PyTorch.
        device: Where the network runs.

    Raises:
        ExportError: If the name is unknown, or OpenVINO is asked for where it is not installed or on a GPU.
    """
    if name not in ENGINES:
        raise ExportError(f"engine {name!r} is none of {', '.join(ENGINES)}")
    on_cpu = torch.device(device).type == "cpu"
    if name == "openvino" and not on_cpu:
        raise ExportError(f"engine 'openvino' runs on the CPU, not on {device}; give --device cpu, or --engine torch")
    if name == "plain":
        return None
    if name == "torch" or not on_cpu:
        return TorchEngine()
    try:
        return OpenVINOEngine()
    except ExportError as error:
        if name == "openvino":
            raise
        _logger.info("engine: PyTorch; %s, and would be about twice as fast", error)
        return TorchEngine()

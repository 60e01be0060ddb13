"""Backends of the inference, by name."""

from __future__ import annotations

import logging

import torch

from swinx.errors import ExportError
from swinx.inference.backends.openvino_backend import OpenVINOBackend
from swinx.inference.backends.openvino_package import has_bfloat16_instructions
from swinx.inference.backends.part_logits import Backend, TorchBackend

__all__ = ["BACKENDS", "choose_backend"]

BACKENDS = ("plain", "torch", "openvino", "auto")
"""``plain``: the network as it is; ``torch``: split, in PyTorch; ``openvino``: split, on CPUs; ``auto``: see below."""

_logger = logging.getLogger(__name__)


def choose_backend(name: str, device: torch.device | str = "cpu", bfloat16: bool | str = False) -> Backend | None:
    """Return a backend for :class:`swinx.inference.SlidingWindowLabelInferer`, None for the plain network.

    Args:
        name: One of :data:`BACKENDS`. ``auto`` is OpenVINO on a CPU where it is installed, and else PyTorch.
        device: Where the network runs.
        bfloat16: Whether OpenVINO computes in bfloat16; ``"auto"`` if the CPU has instructions for it.

    Raises:
        ExportError: If the name is unknown, or OpenVINO is asked for where it is not installed or on a GPU, or bfloat16
            where OpenVINO does not run.
    """
    if name not in BACKENDS:
        raise ExportError(f"backend {name!r} is none of {', '.join(BACKENDS)}")
    if bfloat16 not in (True, False, "auto"):
        raise ExportError(f"bfloat16 must be true, false or auto, not {bfloat16!r}")
    on_cpu = torch.device(device).type == "cpu"
    if name == "openvino" and not on_cpu:
        raise ExportError(f"backend 'openvino' runs on the CPU, not on {device}; give --device cpu, or --backend torch")
    if bfloat16 is True and (name in ("plain", "torch") or not on_cpu):
        raise ExportError(f"bfloat16 is for OpenVINO on a CPU, not for backend {name!r} on {device}; see --amp")
    if name == "plain":
        return None
    if name == "torch" or not on_cpu:
        return TorchBackend()
    try:
        return OpenVINOBackend(has_bfloat16_instructions() if bfloat16 == "auto" else bool(bfloat16))
    except ExportError as error:
        if name == "openvino" or bfloat16 is True:
            raise
        _logger.info("backend: PyTorch; %s, and would be about twice as fast", error)
        return TorchBackend()

"""Networks as TorchScript, torch.export, ONNX and OpenVINO files."""

from __future__ import annotations

from swinx.export.agreement import measure_agreement, probe_windows
from swinx.export.bundle_network import read_bundle_network
from swinx.export.export_network import FORMATS, TOLERANCE, export_network, format_of
from swinx.export.registered_model import RegisteredModel

__all__ = [
    "FORMATS",
    "TOLERANCE",
    "RegisteredModel",
    "export_network",
    "format_of",
    "measure_agreement",
    "probe_windows",
    "read_bundle_network",
]

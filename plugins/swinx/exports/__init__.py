"""Networks in the formats of other programs, held against the network they were made from."""

from __future__ import annotations

from swinx.exports.agreement import Agreement, measure_agreement, probe_windows
from swinx.exports.bundle_network import BundleNetwork, read_bundle_network
from swinx.exports.choose_engine import ENGINES, choose_engine
from swinx.exports.export import FORMATS, Format, export_network
from swinx.exports.openvino_engine import OpenVINOEngine
from swinx.exports.openvino_model import OpenVINONetwork
from swinx.exports.tensorrt_engine import TensorRTNetwork

__all__ = [
    "ENGINES",
    "FORMATS",
    "Agreement",
    "BundleNetwork",
    "Format",
    "OpenVINOEngine",
    "OpenVINONetwork",
    "TensorRTNetwork",
    "choose_engine",
    "export_network",
    "measure_agreement",
    "probe_windows",
    "read_bundle_network",
]

"""OpenVINO's package, imported without a report to its makers, and networks compiled by it."""

from __future__ import annotations

import sys
from typing import Any

import torch

from swinx.errors import ExportError

__all__ = ["compile_for_cpu", "import_openvino"]


def import_openvino() -> Any:
    """Import OpenVINO so that it does not report to its makers that it was, which it does of itself.

    It does without the package that reports if that is not installed; here it seems so.
    """
    hidden = "openvino_telemetry" not in sys.modules
    if hidden:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # how Python marks what is not to be found
    try:
        import openvino
    except ImportError as error:
        raise ExportError(f"OpenVINO is not installed ({error}): pip install openvino") from error
    finally:
        if hidden:
            del sys.modules["openvino_telemetry"]
    return openvino


def compile_for_cpu(model: Any) -> Any:
    """Return a model of OpenVINO's, ready to run in single precision with as many threads as PyTorch has."""
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    return import_openvino().Core().compile_model(model, "CPU", settings)

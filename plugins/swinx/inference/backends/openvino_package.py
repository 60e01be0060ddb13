"""Import of OpenVINO's package, and networks compiled by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from swinx.errors import ExportError
from swinx.workarounds import same_signal_stack, without_telemetry

__all__ = ["compile_for_cpu", "cpu_settings", "has_bfloat16_instructions", "import_openvino"]


def import_openvino() -> Any:
    """Import OpenVINO without the report that it sends to its makers.

    Raises:
        ExportError: If it is not installed.
    """
    try:
        with without_telemetry():
            import openvino
    except ImportError as error:
        raise ExportError(f"OpenVINO is not installed ({error}): pip install openvino") from error
    return openvino


def has_bfloat16_instructions(cpu_info: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether the CPU multiplies in bfloat16, by AMX or AVX-512; else it is slower than single precision.

    Args:
        cpu_info: Where Linux tells what the CPU can do; False on other systems.
    """
    try:
        lines = cpu_info.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    told = {"amx_bf16", "avx512_bf16"}
    return any(told.intersection(line.split()) for line in lines if line.startswith("flags"))


def compile_for_cpu(model: Any, bfloat16: bool = False) -> Any:
    """Return a model of OpenVINO's, ready to run with as many threads as PyTorch has.

    Args:
        model: What OpenVINO converted or read.
        bfloat16: Compute in bfloat16, and not in single precision; inputs and outputs stay in single precision.
    """
    with same_signal_stack():
        return import_openvino().Core().compile_model(model, "CPU", cpu_settings(bfloat16))


def cpu_settings(bfloat16: bool) -> dict[str, str | int]:
    """Return the settings with which models run: as many threads as PyTorch has, and this precision."""
    precision = "bf16" if bfloat16 else "f32"
    return {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": torch.get_num_threads()}

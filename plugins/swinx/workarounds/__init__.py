"""Workarounds for faults and gaps of other packages, one module each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swinx.workarounds.fire_texts import raw_text, unquoted
from swinx.workarounds.monai_running_bundle import RunningBundle, replace_setting, running_bundle
from swinx.workarounds.monai_wrapped_errors import end_with_reason
from swinx.workarounds.openvino_signal_stack import same_signal_stack
from swinx.workarounds.openvino_telemetry import without_telemetry
from swinx.workarounds.pytorch_process_group import join_processes, leave_processes
from swinx.workarounds.third_party_warnings import silence_third_parties

if TYPE_CHECKING:
    from swinx.workarounds.pytorch_small_convolutions import SmallConvolutions

__all__ = [
    "RunningBundle",
    "SmallConvolutions",
    "end_with_reason",
    "join_processes",
    "leave_processes",
    "raw_text",
    "replace_setting",
    "running_bundle",
    "same_signal_stack",
    "silence_third_parties",
    "unquoted",
    "without_telemetry",
]


def __getattr__(name: str) -> Any:
    """Import what needs PyTorch when it is asked for, so that commands without a network start fast."""
    if name == "SmallConvolutions":
        from swinx.workarounds.pytorch_small_convolutions import SmallConvolutions

        return SmallConvolutions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Mixed precision on the devices that compute it: float16 on a GPU, bfloat16 on some processors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from swinx.workarounds import SmallConvolutions

__all__ = ["autocast", "has_mixed_precision", "in_bfloat16"]

_BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")  # x86 and Arm; without them it is slower than float32


def has_mixed_precision(device: torch.device | str) -> bool:
    """Return whether mixed precision is faster there: on CUDA devices, and processors with bfloat16 instructions."""
    kind = torch.device(device).type
    if kind != "cpu":
        return kind == "cuda"
    capabilities: Mapping[str, Any] = getattr(
        torch.cpu, "get_capabilities", dict
    )()  # PyTorch 2.10; older ones stay in float32
    return any(bool(capabilities.get(name)) for name in _BFLOAT16_INSTRUCTIONS)


@contextmanager
def autocast(device: torch.device | str, enabled: bool = True, **kwargs: Any) -> Iterator[None]:
    """Enter PyTorch's mixed precision, with correct gradients of small feature maps on a processor.

    Args:
        device: Where the network runs.
        enabled: Single precision if not.
        kwargs: More arguments of ``torch.autocast``.
    """
    kind = torch.device(device).type
    small = SmallConvolutions() if enabled and kind == "cpu" else nullcontext()
    with torch.autocast(kind, enabled=enabled, **kwargs), small:
        yield


def in_bfloat16(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a network on a processor in mixed precision; what it returns comes in single precision.

    Args:
        function: The network, or its ``forward``.
        args: Its arguments.
        kwargs: Its named arguments.

    Returns:
        Its tensor, or its list or tuple of tensors.
    """
    with autocast("cpu", dtype=torch.bfloat16):
        result = function(*args, **kwargs)
    if isinstance(result, torch.Tensor):
        return result.float()
    return type(result)(tensor.float() for tensor in result)

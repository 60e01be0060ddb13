"""Mixed precision on the devices that compute it: float16 on a GPU, bfloat16 on some processors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

__all__ = ["autocast", "has_mixed_precision", "in_bfloat16"]

_LEAST_SIDE = 3
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
    """Context of PyTorch's mixed precision, with correct gradients of small feature maps on a processor.

    Args:
        device: Where the network runs.
        enabled: Single precision if not.
        kwargs: More arguments of ``torch.autocast``.
    """
    kind = torch.device(device).type
    small = _SmallConvolutions() if enabled and kind == "cpu" else nullcontext()
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


class _SmallConvolutions(TorchFunctionMode):
    """Convolutions of inputs with a side below 3 voxels, in float32.

    In bfloat16 the gradient of their weights is uninitialised memory: seen with PyTorch 2.13.0 for kernels of 3 voxels
    and sides of 1 and 2, as in the bottleneck of a Swin UNETR with patches of 64 voxels. A test shows when it can go.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func not in (torch.conv3d, torch.conv_transpose3d) or min(args[0].shape[2:]) >= _LEAST_SIDE:
            return func(*args, **(kwargs or {}))
        with torch.autocast("cpu", enabled=False):
            return func(args[0].float(), *args[1:], **(kwargs or {}))

"""Correct gradients of small convolutions in bfloat16 on a processor.

Symptom: the gradient of the weights is uninitialised memory, for kernels of 3 voxels and inputs with a side of 1 or 2,
as in the bottleneck of a Swin UNETR with patches of 64 voxels. Seen with PyTorch 2.13.0.
Report: none found; https://github.com/pytorch/pytorch/pull/188426 fixes wrong outputs of neighbouring shapes.
Can go: when the gradients are right without it; ``tests/test_mixed_precision.py`` shows that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

__all__ = ["SmallConvolutions"]

_LEAST_SIDE = 3


class SmallConvolutions(TorchFunctionMode):
    """Convolutions of inputs with a side below 3 voxels in float32, within mixed precision on a processor."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func not in (torch.conv3d, torch.conv_transpose3d) or min(args[0].shape[2:]) >= _LEAST_SIDE:
            return func(*args, **(kwargs or {}))
        with torch.autocast("cpu", enabled=False):
            return func(args[0].float(), *args[1:], **(kwargs or {}))

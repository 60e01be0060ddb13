"""Labels as votes for classes, on a grid that is coarse enough to hold them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

__all__ = ["one_hot_votes", "thinning_stride"]


def thinning_stride(shape: Sequence[int], max_voxels: int) -> int:
    """Return the least stride, the same along each axis, that keeps at most so many voxels.

    It depends on the shape alone, so that all samples of a scan keep the same voxels.

    Examples:
        >>> thinning_stride((10, 10, 10), 1000), thinning_stride((10, 10, 10), 999), thinning_stride((9, 9, 9), 27)
        (1, 2, 3)
    """
    stride = 1
    while prod(-(-side // stride) for side in shape) > max_voxels:
        stride += 1
    return stride


def one_hot_votes(labels: Tensor, num_classes: int) -> Tensor:
    """Return uint8 ``(K, X, Y, Z)``, 1 where ``labels`` ``(X, Y, Z)`` has the class.

    Raises:
        ValueError: If a value is no class.
    """
    if labels.numel() and int(labels.max()) >= num_classes:
        raise ValueError(f"label {int(labels.max())} is none of the {num_classes} classes")
    classes = torch.arange(num_classes, device=labels.device).reshape(-1, 1, 1, 1)
    return (labels[None] == classes).to(torch.uint8)

"""Samples of labels by dropout, as one vote for a class at each voxel, for the epistemic score of MONAI Label."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Mapping, Sequence
from math import prod
from typing import Any, TypeVar

import numpy as np
import torch
from monai.data import MetaTensor
from monai.networks.layers import DropPath
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

__all__ = ["label_votes", "one_hot_votes", "sampling", "thinning_stride", "with_active_dropout"]

Network = TypeVar("Network", bound=nn.Module)


def with_active_dropout(network: Network) -> Network:
    """Return a copy of a network in which dropout and stochastic depth are active, and nothing else is of training.

    A network in training mode would also normalise by the batch at hand, which for one window is another network, and
    change its running statistics. The network itself is unchanged, so that several threads may share it.

    Args:
        network: In any mode.

    Returns:
        The copy: its dropout layers are in training mode, and all others in evaluation mode.

    Reference:
        Gal and Ghahramani, Dropout as a Bayesian Approximation, ICML 2016, https://arxiv.org/abs/1506.02142.
    """
    copied = copy.deepcopy(network).eval()
    for module in copied.modules():
        if isinstance(module, _DropoutNd | DropPath):
            module.train()
    return copied


def sampling(inferer: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return an inferer that draws a sample: it runs a copy of its network with active dropout."""

    def sample(inputs: Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> Tensor:
        return inferer(inputs, with_active_dropout(network), *args, **kwargs)

    return sample


def label_votes(
    data: Mapping[Hashable, Any],
    key: str = "pred",
    ref_key: str = "image",
    num_classes: int = 15,
    max_voxels: int = 1_000_000,
) -> dict[Hashable, Any]:
    """Return a shallow copy of ``data`` in which a label map is one vote for a class at each voxel.

    MONAI Label takes the mean over samples as the probability of each class, and its entropy as the score. The votes of
    all classes at all voxels of a scan would take gigabytes for each sample: only every second, third, ... voxel along
    each axis is kept, which hardly changes a mean.

    Args:
        data: Holds the label map, a ``MetaTensor`` ``(1, X, Y, Z)`` on the grid of the scan, which becomes a
            ``MetaTensor`` ``(K, x, y, z)``, uint8, 0 or 1; and the image, whose ``spatial_shape``, to which MONAI Label
            would enlarge the votes, becomes theirs.
        key: Name of the label map.
        ref_key: Name of the image.
        num_classes: Number of classes ``K``, with background.
        max_voxels: Largest number of voxels that are kept.

    Raises:
        ValueError: If ``max_voxels`` is below 1, or a label is no class.
    """
    if max_voxels < 1:
        raise ValueError(f"max_voxels must be 1 or more, not {max_voxels}")
    out = dict(data)
    labels, affine = out[key].as_tensor()[0], out[key].affine.cpu()
    stride = thinning_stride(labels.shape, max_voxels)
    votes = one_hot_votes(labels[::stride, ::stride, ::stride], num_classes)
    thinned = torch.diag(torch.tensor([stride, stride, stride, 1], dtype=affine.dtype))
    out[key] = MetaTensor(votes, affine=affine @ thinned)  # MONAI Label cannot log a plain tensor
    image = out[ref_key]
    meta = {name: value for name, value in image.meta.items() if name != "affine"}
    meta["spatial_shape"] = np.asarray(votes.shape[1:])
    out[ref_key] = MetaTensor(image.as_tensor(), affine=torch.as_tensor(image.affine), meta=meta)
    return out


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

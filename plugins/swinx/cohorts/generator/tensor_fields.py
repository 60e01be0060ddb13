"""Smooth random fields and blurs as tensors, drawn from NumPy's generator so that every device gets the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from monai.networks.layers import GaussianFilter
from torch import Tensor

from swinx.cohorts.smooth_fields import spline_weights

__all__ = ["blurred", "noise_field", "smooth_tensor"]


def smooth_tensor(
    rng: np.random.RandomState,
    channels: int,
    shape: Sequence[int],
    spacing_mm: float,
    node_spacing_mm: float,
    device: torch.device,
) -> Tensor:
    """Draw smooth fields ``(channels, X, Y, Z)`` of unit variance, see :func:`swinx.cohorts.smooth_fields`."""
    weights = [spline_weights(size, spacing_mm / node_spacing_mm) for size in shape]
    nodes = rng.standard_normal((channels, *(weight.shape[1] for weight in weights)))
    field = torch.from_numpy(nodes.astype(np.float32)).to(device)
    for weight in weights:  # each product consumes axis 1 and appends the fine one
        field = torch.tensordot(field, torch.from_numpy(weight).to(device), dims=([1], [1]))
    return field


def blurred(volume: Tensor, sigma_voxels: Sequence[float]) -> Tensor:
    """Return a volume ``(X, Y, Z)`` blurred by a Gaussian with a width in voxels for each axis; 0 leaves an axis."""
    if max(sigma_voxels) <= 0:
        return volume
    kernel = GaussianFilter(3, [max(float(sigma), 1e-3) for sigma in sigma_voxels], truncated=2.5)
    result: Tensor = kernel.to(volume.device)(volume[None, None])[0, 0]
    return result


def noise_field(
    rng: np.random.RandomState, shape: Sequence[int], sigma_voxels: Sequence[float], device: torch.device
) -> Tensor:
    """Draw noise ``(X, Y, Z)`` of standard deviation 1 whose neighbours are correlated by a Gaussian kernel."""
    white = torch.from_numpy(rng.standard_normal(tuple(shape)).astype(np.float32)).to(device)
    noise = blurred(white, sigma_voxels)
    return (noise - noise.mean()) / noise.std().clamp(min=1e-6)

"""Random smooth fields on a grid: heterogeneity, deformation and correlated noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

__all__ = ["correlated_noise", "smooth_displacement", "smooth_field", "spline_weights"]


def smooth_field(
    rng: np.random.Generator, shape: Sequence[int], spacing_mm: Sequence[float], node_spacing_mm: float
) -> NDArray[np.float32]:
    """Draw a smooth random field: unit-variance nodes, joined by uniform cubic B-splines.

    Evaluating the tensor product axis by axis costs three small matrix products, so a
    field on ``128^3`` voxels takes a few hundredths of a second. The spline averages its
    nodes, so the result is rescaled to keep unit variance in the mean over the grid.

    Args:
        rng: Source of randomness.
        shape: Grid size ``(X, Y, Z)``.
        spacing_mm: Voxel size along each axis.
        node_spacing_mm: Distance of the nodes; structures are about twice as wide.

    Returns:
        Field ``(X, Y, Z)``, zero mean and unit variance over draws.

    Raises:
        ValueError: If ``node_spacing_mm`` or a voxel size is not positive.
    """
    if node_spacing_mm <= 0 or min(spacing_mm) <= 0:
        raise ValueError(f"node spacing {node_spacing_mm} mm and voxel size {tuple(spacing_mm)} mm must be positive")
    weights = [spline_weights(n, s / node_spacing_mm) for n, s in zip(shape, spacing_mm, strict=True)]
    field = rng.standard_normal([w.shape[1] for w in weights], dtype=np.float32)
    for weight in weights:  # each product consumes the first axis and appends the fine one: (x,y,z) -> (y,z,X) -> ...
        field = np.tensordot(field, weight, axes=(0, 1))
    return np.ascontiguousarray(field)


def spline_weights(size: int, step: float) -> NDArray[np.float32]:
    """Return cubic B-spline weights ``(size, nodes)`` at ``0, step, 2 step, ...`` in node units, unit row norm."""
    position = np.arange(size) * step
    cell = np.floor(position).astype(int)
    t = position - cell
    basis = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1) / 6
    weights = np.zeros((size, int(cell.max()) + 4), dtype=np.float32)
    for k in range(4):
        weights[np.arange(size), cell + k] = basis[:, k]
    return np.asarray(weights / np.sqrt((basis**2).sum(axis=1).mean()), dtype=np.float32)


def smooth_displacement(
    rng: np.random.Generator,
    shape: Sequence[int],
    spacing_mm: Sequence[float],
    amplitude_mm: float,
    node_spacing_mm: float,
) -> NDArray[np.float32]:
    """Draw a smooth displacement: three independent :func:`smooth_field` s, in mm.

    With an amplitude well below half the node spacing the map hardly ever folds.

    Args:
        rng: Source of randomness.
        shape: Grid size ``(X, Y, Z)``.
        spacing_mm: Voxel size along each axis.
        amplitude_mm: Standard deviation of each component.
        node_spacing_mm: Distance of the nodes.

    Returns:
        Displacement ``(3, X, Y, Z)`` in mm.
    """
    fields = [smooth_field(rng, shape, spacing_mm, node_spacing_mm) for _ in range(3)]
    return np.stack(fields) * np.float32(amplitude_mm)


def correlated_noise(
    rng: np.random.Generator, shape: Sequence[int], sigma_voxels: float | Sequence[float]
) -> NDArray[np.float32]:
    """Draw Gaussian noise whose neighbours are correlated, as a CT's reconstruction kernel leaves it.

    Args:
        rng: Source of randomness.
        shape: Grid size ``(X, Y, Z)``.
        sigma_voxels: Width of the Gaussian kernel, one for all axes or one for each; 0 is white noise.

    Returns:
        Noise ``(X, Y, Z)`` with zero mean and a standard deviation of exactly 1.
    """
    noise = rng.standard_normal(tuple(shape), dtype=np.float32)
    noise = gaussian_filter(noise, sigma_voxels, mode="wrap", truncate=2.5)
    noise -= noise.mean(dtype=np.float64)
    deviation = noise.std(dtype=np.float64)
    return np.asarray(noise / deviation if deviation > 0 else noise, dtype=np.float32)

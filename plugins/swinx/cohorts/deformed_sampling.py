"""Sampling of a volume on another grid, through an affine and a displacement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, map_coordinates

__all__ = ["blur_for_spacing", "sample_positions", "sample_volume"]


def sample_positions(
    shape: Sequence[int],
    affine: NDArray[np.float64],
    source_affine: NDArray[np.float64],
    warp: NDArray[np.float64],
    displacement_mm: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return, for every voxel of a target grid, the source voxel that it shows.

    Target index -> world (``affine``) -> ``warp`` -> plus displacement -> source index.

    Args:
        shape: Target grid ``(X, Y, Z)``.
        affine: Target index to world, ``(4, 4)``, mm.
        source_affine: Source index to world, ``(4, 4)``, mm.
        warp: World to world, ``(4, 4)``.
        displacement_mm: ``(3, X, Y, Z)``, added after ``warp``.

    Returns:
        Fractional source indices ``(3, X, Y, Z)``.

    Raises:
        ValueError: If the displacement does not lie on the target grid.
    """
    if displacement_mm.shape != (3, *shape):
        raise ValueError(f"displacement {displacement_mm.shape} does not fit a grid of shape {tuple(shape)}")
    to_source = np.linalg.inv(source_affine)
    whole = (to_source @ warp @ affine).astype(np.float32)
    axes = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape), indexing="ij", sparse=True)
    shift = np.tensordot(to_source[:3, :3].astype(np.float32), displacement_mm, axes=1)
    for row in range(3):
        for column in range(3):
            shift[row] += whole[row, column] * axes[column]
        shift[row] += whole[row, 3]
    return np.asarray(shift, dtype=np.float32)


def sample_volume(
    volume: NDArray[np.generic], positions: NDArray[np.float32], *, nearest: bool, outside: float
) -> NDArray[np.generic]:
    """Sample a volume: linear for intensities, nearest neighbour for labels.

    Args:
        volume: Source ``(X, Y, Z)``.
        positions: Fractional source indices ``(3, ...)``.
        nearest: Take the nearest voxel instead of the linear mix of eight.
        outside: Value of positions outside the source; within a voxel of the border it mixes in.

    Returns:
        Samples ``(...)`` of the source's dtype.
    """
    return np.asarray(
        map_coordinates(
            volume, positions, order=0 if nearest else 1, mode="grid-constant", cval=outside, prefilter=False
        )
    )


def blur_for_spacing(
    volume: NDArray[np.float32], spacing_mm: Sequence[float], coarse_mm: Sequence[float]
) -> NDArray[np.float32]:
    """Blur a volume so that sampling it at ``coarse_mm`` does not alias.

    The kernel's full width at half maximum is the coarse voxel, less what the fine one
    blurs already; an axis that is as coarse as asked stays sharp.

    Args:
        volume: Fine volume ``(X, Y, Z)``.
        spacing_mm: Its voxel size.
        coarse_mm: The voxel size at which it will be sampled.

    Returns:
        Blurred volume, shape as given.
    """
    out = volume
    for axis, (fine, coarse) in enumerate(zip(spacing_mm, coarse_mm, strict=True)):
        if coarse > fine:
            sigma_mm = np.sqrt(coarse**2 - fine**2) / 2.355  # full width at half maximum of a Gaussian
            out = gaussian_filter1d(out, sigma_mm / fine, axis=axis, mode="nearest", truncate=3.0)
    return out

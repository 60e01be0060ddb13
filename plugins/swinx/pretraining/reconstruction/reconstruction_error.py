"""Errors of a masked reconstruction in HU, and the positions of its tokens in millimetres."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

__all__ = ["intensities_to_hu", "masked_errors", "token_affine"]


def token_affine(affine: ArrayLike, stride: int) -> NDArray[np.float64]:
    """Return the grid of tokens, each at the centre of its cube of voxels.

    Args:
        affine: Voxel to RAS world matrix of the image, ``(4, 4)``, mm.
        stride: Side of the cube in voxels; the first cube begins at the first voxel.

    Returns:
        Token to RAS world matrix, ``(4, 4)``, mm.

    Raises:
        ValueError: If the affine is not 4x4 or the stride is not positive.

    Examples:
        >>> token_affine(np.diag([2.0, 1.0, 1.0, 1.0]), 16)[0].tolist()
        [32.0, 0.0, 0.0, 15.0]
    """
    matrix = np.array(affine, dtype=np.float64)
    if matrix.shape != (4, 4) or stride < 1:
        raise ValueError(f"a token grid needs an affine (4, 4) and a positive stride, not {matrix.shape} and {stride}")
    matrix[:3, 3] += matrix[:3, :3].sum(axis=1) * (stride - 1) / 2
    matrix[:3, :3] *= stride
    return matrix


def intensities_to_hu(intensities: Tensor, window_hu: Sequence[float]) -> NDArray[np.int16]:
    """Return intensities as HU: the inverse of the windowing of :class:`swinx.preprocessing.CTPreprocessingd`.

    Args:
        intensities: Any shape; 0 and 1 become the ends of the window, others lie on the same line.
        window_hu: HU of 0 and of 1.

    Returns:
        The nearest whole HU, the same shape, clipped to the range of int16.

    Raises:
        ValueError: If a value is NaN or infinite.

    Examples:
        >>> intensities_to_hu(torch.tensor([0.0, 0.5, 1.1, 1e9]), (-250, 250)).tolist()
        [-250, 0, 300, 32767]
    """
    values = intensities.detach().to("cpu", torch.float32)
    if not torch.isfinite(values).all():
        raise ValueError("intensities that are NaN or infinite have no HU")
    low, high = window_hu
    limits = torch.iinfo(torch.int16)
    hu: NDArray[np.int16] = (
        (values * (high - low) + low).round_().clamp_(limits.min, limits.max).to(torch.int16).numpy()
    )
    return hu


def masked_errors(
    original: Tensor, reconstruction: Tensor, mask: Tensor, window_hu: Sequence[float]
) -> dict[str, float | None]:
    """Return the errors of a reconstruction in masked voxels, and those of a baseline.

    The baseline fills every masked voxel with the mean of the visible ones: a network that has learned nothing of
    anatomy does as well.

    Args:
        original: Intensities in [0, 1], any shape.
        reconstruction: The same shape.
        mask: 1 where a voxel was masked, else 0; the same shape.
        window_hu: HU of the intensities 0 and 1.

    Returns:
        ``hidden_share``, the masked share of the voxels; mean absolute errors over the masked voxels, ``mae`` and
        ``baseline_mae`` in units of the window's width, ``mae_hu`` and ``baseline_mae_hu`` in HU. An error without
        voxels is None.

    Raises:
        ValueError: If the shapes differ.

    Examples:
        >>> original, mask = torch.tensor([0.0, 0.2, 0.5]), torch.tensor([0, 0, 1])
        >>> errors = masked_errors(original, torch.tensor([9.0, 9.0, 0.75]), mask, (-250, 250))
        >>> {name: round(value, 3) for name, value in errors.items()}
        {'hidden_share': 0.333, 'mae': 0.25, 'mae_hu': 125.0, 'baseline_mae': 0.4, 'baseline_mae_hu': 200.0}
    """
    if not original.shape == reconstruction.shape == mask.shape:
        raise ValueError(
            f"original {tuple(original.shape)}, reconstruction {tuple(reconstruction.shape)} and mask "
            f"{tuple(mask.shape)} differ in shape"
        )
    where = mask > 0
    target = original[where]
    visible = original[~where]
    mae = (reconstruction[where] - target).abs_().mean(dtype=torch.float64).item() if len(target) else None
    baseline = None
    if len(target) and len(visible):
        guess = visible.mean(dtype=torch.float64).item()
        baseline = (target - guess).abs_().mean(dtype=torch.float64).item()
    width_hu = float(window_hu[1] - window_hu[0])
    return {
        "hidden_share": where.double().mean().item() if where.numel() else 0.0,
        "mae": mae,
        "mae_hu": None if mae is None else mae * width_hu,
        "baseline_mae": baseline,
        "baseline_mae_hu": None if baseline is None else baseline * width_hu,
    }

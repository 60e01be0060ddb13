"""Exchange of paired classes, such as the kidneys, for left-right flips."""

from __future__ import annotations

from collections.abc import Iterable

import nibabel as nib
import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

__all__ = ["left_right_axis", "swap_entries", "swap_labels"]


def swap_labels(labels: Tensor, pairs: Iterable[tuple[int, int]]) -> Tensor:
    """Exchange the two classes of each pair; other values, 255 included, stay.

    Args:
        labels: Label map of any shape and dtype.
        pairs: Pairs of class ids, each id in at most one pair.

    Returns:
        A new label map with the shape, dtype and device of ``labels``.

    Examples:
        >>> import torch
        >>> swap_labels(torch.tensor([0, 2, 13, 255]), [(2, 13)]).tolist()
        [0, 13, 2, 255]
    """
    result = labels.clone()
    for first, second in pairs:
        result[labels == int(first)] = int(second)
        result[labels == int(second)] = int(first)
    return result


def swap_entries(values: Tensor, pairs: Iterable[tuple[int, int]]) -> Tensor:
    """Exchange the entries of each pair of classes, as :func:`swap_labels` does for voxels.

    Args:
        values: One value per class, ``(..., K)``.
        pairs: Pairs of class ids below ``K``, each id in at most one pair.

    Returns:
        A new tensor with the shape, dtype and device of ``values``.

    Examples:
        >>> import torch
        >>> swap_entries(torch.tensor([1.0, 0.5, 0.0]), [(1, 2)]).tolist()
        [1.0, 0.0, 0.5]
    """
    result = values.clone()
    for first, second in pairs:
        result[..., int(first)], result[..., int(second)] = values[..., int(second)], values[..., int(first)]
    return result


def left_right_axis(affine: ArrayLike) -> int:
    """Return the array axis (0, 1 or 2) that runs closest to the patient's left-right line.

    Args:
        affine: Voxel to RAS world matrix, ``(4, 4)``.
    """
    orientation = nib.io_orientation(np.asarray(affine, dtype=np.float64))
    return int(np.flatnonzero(orientation[:, 0] == 0)[0])

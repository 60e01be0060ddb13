"""Axis-aligned resampling between voxel grids, one axis at a time.

CT grids that differ only by axis order, direction and spacing are related by a matrix
with one non-zero entry per row. Resampling then separates into three one-dimensional
steps, which need one extra volume of memory and no coordinate grid. Against MONAI's
``Spacing``, which builds a three-channel coordinate grid at the output size, the result
is the same to float precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

__all__ = ["AxisMap", "axis_map", "labels_between", "resample_linear", "resample_nearest", "restore_nearest"]


@dataclass(frozen=True)
class AxisMap:
    """Source axis and linear map of source indices, for each axis of a target grid.

    Target index ``j`` on axis ``a`` reads source axis ``source_axis[a]`` at position
    ``scale[a] * j + offset[a]``, in source voxels.
    """

    source_axis: tuple[int, int, int]
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]

    def positions(self, axis: int, length: int) -> NDArray[np.float64]:
        """Return the source positions of ``length`` target voxels along a target axis."""
        positions = self.scale[axis] * np.arange(length, dtype=np.float64) + self.offset[axis]
        nearest = np.round(positions)
        # Floating point noise of an inverted affine must not turn a copy into an interpolation.
        return np.where(np.abs(positions - nearest) < 1e-4, nearest, positions)


def axis_map(source_affine: ArrayLike, target_affine: ArrayLike) -> AxisMap:
    """Relate two voxel grids that share their direction cosines up to order and sign.

    Args:
        source_affine: Voxel to world matrix of the grid that is read, ``(4, 4)``, mm.
        target_affine: Voxel to world matrix of the grid that is filled, ``(4, 4)``, mm.

    Returns:
        The map from target index to source position.

    Raises:
        ValueError: If one grid is rotated or sheared against the other.
    """
    matrix = np.linalg.inv(np.asarray(source_affine, dtype=np.float64)) @ np.asarray(target_affine, dtype=np.float64)
    linear, offset = matrix[:3, :3], matrix[:3, 3]
    source_axis = np.abs(linear).argmax(axis=0)
    scale = linear[source_axis, range(3)]
    residue = linear.copy()
    residue[source_axis, range(3)] = 0
    if sorted(source_axis) != [0, 1, 2] or np.abs(residue).max() > 1e-3 * np.abs(scale).min():
        raise ValueError(f"the grids are rotated or sheared against each other: target to source is {matrix.tolist()}")
    a, b, c = (int(axis) for axis in source_axis)
    return AxisMap((a, b, c), tuple(scale.tolist()), tuple(offset[source_axis].tolist()))


def resample_linear(
    volume: Tensor,
    source_affine: ArrayLike,
    target_affine: ArrayLike,
    target_shape: Sequence[int],
    antialias: bool = False,
) -> Tensor:
    """Resample intensities by linear interpolation; positions outside take the border value.

    Args:
        volume: Intensities, ``(X, Y, Z)``; integers are read as they are, the result is float32.
        source_affine: Voxel to world matrix of ``volume``.
        target_affine: Voxel to world matrix of the result; axis-aligned with the source.
        target_shape: Shape of the result.
        antialias: Where the target is coarser, average over the target voxel's width with a
            triangular kernel instead of reading two neighbours.

    Returns:
        A float32 tensor of shape ``target_shape`` on the device of ``volume``.

    Raises:
        ValueError: If the grids are not axis-aligned.
    """
    lines = axis_map(source_affine, target_affine)
    result = volume.permute(lines.source_axis)
    # The axis that shrinks most goes first: later axes then have less to do.
    for axis in sorted(range(3), key=lambda a: target_shape[a] / result.shape[a]):
        width = max(1.0, abs(lines.scale[axis])) if antialias else 1.0
        result = _interpolate(result, axis, lines.positions(axis, target_shape[axis]), width)
    return result.to(torch.float32).contiguous()


def _interpolate(volume: Tensor, axis: int, positions: NDArray[np.float64], width: float) -> Tensor:
    last = volume.shape[axis] - 1
    clamped = np.clip(positions, 0, last)
    if width == 1.0 and np.array_equal(clamped, np.round(clamped)):
        return _take(volume, axis, clamped)
    first = np.floor(clamped - width).astype(np.int64) + 1
    taps = int(np.ceil(2 * width))
    weights = np.stack([np.clip(1 - np.abs(first + tap - clamped) / width, 0, None) for tap in range(taps)])
    weights /= weights.sum(axis=0)
    shape = [1] * volume.ndim
    shape[axis] = len(positions)
    result = None
    for tap in range(taps):
        if not weights[tap].any():
            continue
        part = _take(volume, axis, np.clip(first + tap, 0, last)).to(torch.float32)
        part.mul_(torch.as_tensor(weights[tap], dtype=torch.float32, device=volume.device).view(shape))
        result = part if result is None else result.add_(part)
    assert result is not None  # the weights of every position sum to one
    return result


def labels_between(
    probabilities: Iterable[Tensor],
    positions: Sequence[NDArray[np.float64]],
    keep: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """Return the class with the highest linearly interpolated probability at positions between voxels.

    Args:
        probabilities: ``(n, X, Y, Z)``, floating point, of some classes at a time, in rising order.
        positions: Where along each axis, in voxels; ``x``, ``y`` and ``z`` of them. Outside, the border counts.
        keep: Is given the first class and the interpolated probabilities ``(n, x, y, z)`` of each part.

    Returns:
        Labels, uint8, ``(x, y, z)``.
    """
    lengths = [len(along) for along in positions]
    labels = best = None
    first = 0
    for part in probabilities:
        result = part
        for axis in sorted(range(3), key=lambda a: lengths[a] / part.shape[1 + a]):
            result = _interpolate(result, 1 + axis, positions[axis], 1.0)
        if keep is not None:
            keep(first, result)
        largest, found = result.max(dim=0)
        found += first
        first += len(part)
        if labels is None or best is None:
            labels, best = found, largest
            continue
        labels = torch.where(largest > best, found, labels)
        best = torch.maximum(best, largest)
    assert labels is not None  # there is a class
    return labels.to(torch.uint8)


def resample_nearest(
    labels: Tensor, source_affine: ArrayLike, target_affine: ArrayLike, target_shape: Sequence[int]
) -> Tensor:
    """Resample a label map to the nearest voxel; positions outside take the border value.

    Args:
        labels: Label map, ``(X, Y, Z)``, any dtype.
        source_affine: Voxel to world matrix of ``labels``.
        target_affine: Voxel to world matrix of the result; axis-aligned with the source.
        target_shape: Shape of the result.

    Returns:
        A tensor of shape ``target_shape`` with the dtype and device of ``labels``.

    Raises:
        ValueError: If the grids are not axis-aligned.
    """
    lines = axis_map(source_affine, target_affine)
    result = labels.permute(lines.source_axis)
    for axis in range(3):
        nearest = np.floor(lines.positions(axis, target_shape[axis]) + 0.5)
        result = _take(result, axis, np.clip(nearest, 0, result.shape[axis] - 1))
    return result.contiguous()


def restore_nearest(
    labels: Tensor, labels_affine: ArrayLike, original_affine: ArrayLike, original_shape: Sequence[int]
) -> Tensor:
    """Put a label map back on the grid it came from; what the map does not cover is background.

    Args:
        labels: Label map in model space, ``(X, Y, Z)``, any dtype.
        labels_affine: Voxel to world matrix of ``labels``.
        original_affine: Voxel to world matrix of the original scan; axis-aligned with ``labels``.
        original_shape: Shape of the original scan.

    Returns:
        A tensor of shape ``original_shape`` with the dtype and device of ``labels``. Apart
        from it, memory is needed only for the part that ``labels`` covers.

    Raises:
        ValueError: If the grids are not axis-aligned.
    """
    lines = axis_map(labels_affine, original_affine)
    covered = labels.permute(lines.source_axis)
    where: list[slice] = []
    for axis in range(3):
        nearest = np.floor(lines.positions(axis, original_shape[axis]) + 0.5)
        inside = np.flatnonzero((nearest >= 0) & (nearest < covered.shape[axis]))
        # Positions are monotonic, so what is inside is one run.
        where.append(slice(int(inside[0]), int(inside[-1]) + 1) if inside.size else slice(0, 0))
        covered = _take(covered, axis, nearest[inside])
    result = labels.new_zeros(tuple(original_shape))
    result[tuple(where)] = covered
    return result


def _take(volume: Tensor, axis: int, indices: NDArray[np.floating | np.integer]) -> Tensor:
    return volume.index_select(axis, torch.as_tensor(indices.astype(np.int64), device=volume.device))

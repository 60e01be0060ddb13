"""Random geometry of a patch: which point of a source each of its voxels shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from swinx.cohorts.generator.source_scan import AIR_HU, SourceScan
from swinx.cohorts.generator.tensor_fields import smooth_tensor

__all__ = ["GeometryRanges", "draw_positions", "sample_image", "sample_structures"]

_WALL = 0.72
"""Share of the body's half-width inside of which the fat under the skin ends."""


@dataclass(frozen=True)
class GeometryRanges:
    """Ranges of the random geometry; 0 or (1, 1) switch a part off.

    Attributes:
        scale: Of each axis of the body, least and largest.
        degrees: Largest turn about each axis.
        smooth_mm: Largest standard deviation of the displacements with a node every 70 mm and every 25 mm.
        organs: Largest number of organs that are moved and resized alone.
        organ_mm: Largest shift of such an organ along each axis.
        organ_scale: Its size, least and largest.
        fat: Factor on the thickness of the fat under the skin, least and largest.
    """

    scale: tuple[float, float] = (0.75, 1.3)
    degrees: float = 15.0
    smooth_mm: tuple[float, float] = (13.0, 4.0)
    organs: int = 5
    organ_mm: float = 15.0
    organ_scale: tuple[float, float] = (0.75, 1.35)
    fat: tuple[float, float] = (0.4, 2.0)


def draw_positions(
    rng: np.random.RandomState,
    source: SourceScan,
    centre: NDArray[np.float64],
    shape: Sequence[int],
    spacing_mm: float,
    ranges: GeometryRanges,
) -> Tensor:
    """Draw, for every voxel of a patch, the source's point that it shows.

    The patch is parallel to the axes of the world. From a voxel of the patch to the source: turn and scaling about the
    patch's centre, thickness of fat about the axis of the body, smooth displacements, then organs of their own.

    Args:
        rng: Source of randomness.
        source: What is shown.
        centre: World position of the source that the middle of the patch shows, but for the displacements.
        shape: Voxels of the patch ``(X, Y, Z)``.
        spacing_mm: Its voxel size.
        ranges: How much is varied.

    Returns:
        World positions ``(3, X, Y, Z)`` in mm, float32, on the source's device.
    """
    device = source.image.device
    turn = Rotation.from_euler("xyz", rng.uniform(-1, 1, 3) * ranges.degrees, degrees=True).as_matrix()
    whole = np.exp(rng.uniform(*np.log(ranges.scale)))  # the patient's size, and a smaller part for each axis
    scales = np.clip(whole * np.exp(rng.uniform(-0.12, 0.12, 3)), *ranges.scale) if ranges.scale[0] < 1 else np.ones(3)
    warp = turn @ np.diag(1.0 / scales) * spacing_mm
    axes = [torch.arange(n, dtype=torch.float32, device=device) - (n - 1) / 2 for n in shape]
    x, y, z = axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]
    place = torch.stack(
        [
            float(row[0]) * x + float(row[1]) * y + float(row[2]) * z + float(c)
            for row, c in zip(warp, centre, strict=True)
        ]
    )
    if ranges.fat != (1, 1):
        _change_fat(place, source, float(centre[2]), float(np.exp(rng.uniform(*np.log(ranges.fat)))))
    for largest, node_mm in zip(ranges.smooth_mm, (70.0, 25.0), strict=True):
        if largest > 0:
            place += rng.uniform(0.3, 1.0) * largest * smooth_tensor(rng, 3, shape, spacing_mm, node_mm, device)
    for _ in range(rng.randint(ranges.organs + 1) if ranges.organs else 0):
        _move_organ(rng, place, source, ranges)
    return place


def _change_fat(place: Tensor, source: SourceScan, height: float, factor: float) -> None:
    """Stretch what lies outside the wall of the body, in place: a factor above 1 makes more fat under the skin."""
    right, front, half_width, half_depth = (float(v) for v in source.outline.at(height))
    radius = (((place[0] - right) / half_width) ** 2 + ((place[1] - front) / half_depth) ** 2).sqrt_()
    stretched = _WALL + (radius - _WALL) / factor
    ratio = torch.where(radius > _WALL, stretched / radius.clamp(min=_WALL), torch.ones_like(radius))
    place[0].sub_(right).mul_(ratio).add_(right)
    place[1].sub_(front).mul_(ratio).add_(front)


def _move_organ(rng: np.random.RandomState, place: Tensor, source: SourceScan, ranges: GeometryRanges) -> None:
    """Shift and resize the surroundings of one structure, in place, fading out over its own size."""
    numbers = sorted(source.centres)
    points = source.centres[numbers[rng.randint(len(numbers))]]
    shift = rng.uniform(-1, 1, 3) * ranges.organ_mm
    growth = rng.uniform(*ranges.organ_scale)
    middle, reach = points.mean(axis=0), float(np.clip(points.std(axis=0).max() * 1.5, 20.0, 60.0))
    shift = shift * min(1.0, reach / 40.0)  # a shift well below the reach does not fold the map
    away = torch.stack([place[axis] - float(middle[axis]) for axis in range(3)])
    weight = torch.exp(away.square().sum(dim=0) / (-2 * reach * reach))
    for axis in range(3):
        place[axis] += weight * ((1 / growth - 1) * away[axis] - float(shift[axis]))


def sample_image(source: SourceScan, positions: Tensor) -> Tensor:
    """Return HU ``(X, Y, Z)`` at world positions ``(3, X, Y, Z)``: linear, air outside."""
    index = _to_index(source, positions)
    sizes = index.new_tensor(source.image.shape)[:, None, None, None]
    grid = (2 * index / (sizes - 1).clamp(min=1) - 1).flip(0).permute(1, 2, 3, 0)[None]
    sampled = torch.nn.functional.grid_sample(source.image[None, None], grid, align_corners=True)
    return sampled[0, 0] + AIR_HU


def sample_structures(source: SourceScan, positions: Tensor) -> Tensor:
    """Return numbers of structures ``(X, Y, Z)`` at world positions: nearest voxel, 0 outside."""
    nearest = _to_index(source, positions).round_().long()
    inside = torch.ones_like(nearest[0], dtype=torch.bool)
    for axis, size in enumerate(source.structures.shape):
        inside &= (nearest[axis] >= 0) & (nearest[axis] < size)
        nearest[axis].clamp_(0, size - 1)
    return torch.where(inside, source.structures[nearest[0], nearest[1], nearest[2]], 0).to(torch.uint8)


def _to_index(source: SourceScan, positions: Tensor) -> Tensor:
    inverse = torch.from_numpy(np.linalg.inv(source.affine).astype(np.float32)).to(positions.device)
    index: Tensor = torch.tensordot(inverse[:3, :3], positions, dims=1)
    return index.add_(inverse[:3, 3][:, None, None, None])

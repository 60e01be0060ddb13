"""Pose of the phantom patient, and the grid of the scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from nibabel.orientations import axcodes2ornt
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from swinx.cohorts.phantoms.phantom_body import CAVITY_HALF_AXES_MM, WALL_MM

__all__ = ["PatientPose", "ScanGrid", "draw_grid", "draw_pose", "to_patient_frame"]


@dataclass(frozen=True)
class PatientPose:
    """Size and place of a patient in the scanner.

    Args:
        scale: Size along x, y, z relative to the average patient, ``(3,)``.
        rotation: Patient frame to world, ``(3, 3)``.
        origin: World position of the patient frame's origin, ``(3,)``, mm.
        fat_mm: Thickness of the subcutaneous fat before scaling.
    """

    scale: NDArray[np.float64]
    rotation: NDArray[np.float64]
    origin: NDArray[np.float64]
    fat_mm: float


@dataclass(frozen=True)
class ScanGrid:
    """A voxel grid.

    Args:
        shape: Grid size in array order.
        spacing_mm: Voxel size in array order.
        affine: Voxel index to RAS+ world ``(4, 4)``, mm.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    affine: NDArray[np.float64]

    def world_y(self) -> NDArray[np.float32]:
        """Return the world's y (to the front) of every voxel, ``(X, Y, Z)``."""
        i, j, k = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in self.shape), indexing="ij", sparse=True)
        a, b, c, d = self.affine[1].astype(np.float32)
        return np.asarray(a * i + b * j + c * k + d)


def draw_pose(rng: np.random.Generator) -> PatientPose:
    """Draw size (0.86 to 1.14, and a little by axis), build (6 to 36 mm of fat) and tilt (up to 5 degrees)."""
    scale = rng.uniform(0.9, 1.09) * rng.uniform(0.96, 1.045, size=3)
    turn = Rotation.from_euler("xyz", rng.uniform(-5, 5, size=3), degrees=True).as_matrix()
    origin = rng.uniform((-60, -60, -900), (60, 60, 300))
    return PatientPose(scale, np.asarray(turn), origin, float(6 + 30 * rng.beta(1.5, 2.5)))


def draw_grid(
    rng: np.random.Generator,
    pose: PatientPose,
    shape: int | Sequence[int],
    spacing_mm: float | Sequence[float] | None,
    axcodes: str,
    oblique_deg: float,
) -> ScanGrid:
    """Draw the grid of a scan of the patient; see :func:`swinx.cohorts.make_phantom` for the arguments.

    Raises:
        ValueError: If shape, spacing or axis codes are unusable.
    """
    size = (shape,) * 3 if isinstance(shape, int) else tuple(int(n) for n in shape)
    if len(size) != 3 or min(size) < 8:
        raise ValueError(f"shape {size} must be three sizes of 8 voxels or more")
    if len(axcodes) != 3 or any(len(set(axcodes) & set(pair)) != 1 for pair in ("LR", "PA", "IS")):
        raise ValueError(f"axis codes {axcodes!r} must name each of L/R, P/A and I/S once, e.g. 'LPS'")
    parse: Any = axcodes2ornt  # nibabel states no types
    orientation = parse(axcodes)
    world_axis, sign = orientation[:, 0].astype(int), orientation[:, 1]
    if spacing_mm is None:
        spacing = _draw_spacing(rng, pose, size, world_axis)
    else:
        spacing = np.broadcast_to(np.asarray(spacing_mm, dtype=float), 3)
    if not (np.isfinite(spacing).all() and spacing.min() > 0):
        raise ValueError(f"spacing {spacing_mm} mm must be positive")
    linear = np.zeros((3, 3))
    linear[world_axis, np.arange(3)] = sign * spacing
    axis = rng.normal(size=3)
    tilt = Rotation.from_rotvec(np.deg2rad(oblique_deg) * axis / np.linalg.norm(axis)).as_matrix()
    height = float((np.array(size) * spacing)[world_axis == 2][0])
    seen = np.array([rng.uniform(-6, 6), rng.uniform(-12, 4), _draw_centre_z(rng, height / pose.scale[2])])
    affine = np.eye(4)
    affine[:3, :3] = tilt @ linear
    middle = pose.origin + pose.rotation @ (seen * pose.scale)
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(size) - 1) / 2)
    rounded = affine.astype(np.float32).astype(np.float64)  # what a NIfTI header keeps
    return ScanGrid((size[0], size[1], size[2]), (float(spacing[0]), float(spacing[1]), float(spacing[2])), rounded)


def _draw_spacing(
    rng: np.random.Generator, pose: PatientPose, size: Sequence[int], world_axis: NDArray[np.int_]
) -> NDArray[np.float64]:
    """Draw square pixels that show the whole width and depth with some air, and slices for a random height."""
    extent = 2 * (np.array(CAVITY_HALF_AXES_MM) + WALL_MM + pose.fat_mm + 6) * pose.scale[:2]
    voxels = {int(axis): n for axis, n in zip(world_axis, size, strict=True)}
    pixel = max(extent[0] / voxels[0], extent[1] / voxels[1]) * rng.uniform(1.02, 1.15)
    by_world = np.array([pixel, pixel, rng.uniform(170, 340) / voxels[2]])
    return np.asarray(by_world[world_axis])


def _draw_centre_z(rng: np.random.Generator, height_mm: float) -> float:
    """Draw the middle slice in the patient's frame, between the kidneys and the dome of the liver."""
    slack = max(0.0, (320 - height_mm) / 4)
    return float(15 + rng.uniform(-slack, slack) + rng.uniform(-10, 10))


def to_patient_frame(grid: ScanGrid, pose: PatientPose) -> NDArray[np.float32]:
    """Return the position of every voxel in the average patient's frame, ``(3, X, Y, Z)``, mm."""
    to_patient = (pose.rotation @ np.diag(pose.scale)).T / (pose.scale**2)[:, None]
    matrix = (to_patient @ grid.affine[:3, :3]).astype(np.float32)
    offset = (to_patient @ (grid.affine[:3, 3] - pose.origin)).astype(np.float32)
    axes = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in grid.shape), indexing="ij", sparse=True)
    points = np.empty((3, *grid.shape), dtype=np.float32)
    for row in range(3):
        points[row] = matrix[row, 0] * axes[0] + offset[row]
        points[row] += matrix[row, 1] * axes[1]
        points[row] += matrix[row, 2] * axes[2]
    return points

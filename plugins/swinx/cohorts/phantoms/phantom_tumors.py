"""Tumours in the phantom's organs: place, shape and contrast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swinx.cohorts.phantoms.phantom_canvas import Canvas
from swinx.cohorts.phantoms.solid_shapes import Ellipsoid
from swinx.labels import FlareLabel

__all__ = ["TUMOR_KINDS", "LobulatedSolid", "paint_tumor"]

TUMOR_KINDS = ("hypodense", "hyperdense", "rim-enhancing", "necrotic")
"""Darker or brighter than the host; a bright rim; a thick wall around a dark, fluid core."""

_HOST_WEIGHTS = {
    FlareLabel.LIVER: 0.40,
    FlareLabel.PANCREAS: 0.15,
    FlareLabel.RIGHT_KIDNEY: 0.11,
    FlareLabel.LEFT_KIDNEY: 0.11,
    FlareLabel.STOMACH: 0.07,
    FlareLabel.SPLEEN: 0.06,
    FlareLabel.RIGHT_ADRENAL_GLAND: 0.05,
    FlareLabel.LEFT_ADRENAL_GLAND: 0.05,
}
_LEAST_HOST_VOXELS = 30
_LEAST_TUMOR_VOXELS = 6


@dataclass(frozen=True)
class LobulatedSolid:
    """An ellipsoid with bumps.

    Args:
        core: The ellipsoid.
        waves: Direction and phase of each bump pattern, ``(N, 4)``.
        depth: Relative height of the bumps, below 1.
    """

    core: Ellipsoid
    waves: NDArray[np.float64]
    depth: float

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return corners of a box that holds the solid."""
        lower, upper = self.core.bounds()
        swell = (upper - lower) * self.depth / 2
        return lower - swell, upper + swell

    def level(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the level ``(...)`` at ``points`` ``(3, ...)``: at most 1 inside."""
        level = self.core.level(points)
        offset = points.reshape(3, -1) - np.asarray(self.core.centre, dtype=np.float32)[:, None]
        direction = offset / np.maximum(np.linalg.norm(offset, axis=0), 1e-3)
        bumps = np.sin(self.waves[:, :3].astype(np.float32) @ direction + self.waves[:, 3:].astype(np.float32))
        swell = 1 + self.depth * bumps.mean(axis=0).reshape(level.shape)
        return np.asarray(level / swell, dtype=np.float32)


def paint_tumor(canvas: Canvas, rng: np.random.Generator, kind: str, contrast: float) -> bool:
    """Grow one tumour from a random voxel of a random host organ in view.

    It replaces its host and the fat next to it; other organs, vessels, bone and lung stay. Its label is
    ``FlareLabel.TUMOR``.

    Args:
        canvas: The painted volume.
        rng: Source of randomness.
        kind: One of :data:`TUMOR_KINDS`.
        contrast: Factor on the difference to the host; below 1 without contrast agent.

    Returns:
        Whether there is a tumour now; False if no host is in view.

    Raises:
        ValueError: If ``kind`` is unknown.
    """
    if kind not in TUMOR_KINDS:
        raise ValueError(f"unknown kind of tumor {kind!r}; choose one of {', '.join(TUMOR_KINDS)}")
    voxels = np.bincount(canvas.label.ravel(), minlength=15)
    hosts = [host for host in _HOST_WEIGHTS if voxels[host] >= _LEAST_HOST_VOXELS]
    if not hosts:
        return False
    weights = np.array([_HOST_WEIGHTS[host] for host in hosts])
    host = hosts[int(rng.choice(len(hosts), p=weights / weights.sum()))]
    candidates = np.flatnonzero(canvas.label == host)
    centre = canvas.points.reshape(3, -1)[:, candidates[rng.integers(candidates.size)]].astype(float)
    solid = _draw_solid(rng, centre, _largest_radius(host))
    block = canvas.block(solid)
    if block is None:
        return False
    level = solid.level(canvas.points[(slice(None), *block)])
    image, label = canvas.image[block], canvas.label[block]
    beside = (label == 0) & (image < -20) & (image > -200) & ~canvas.fixed[block]
    inside = (level <= 1) & ((label == host) | beside)
    if np.count_nonzero(inside & (label == host)) < _LEAST_TUMOR_VOXELS:
        return False
    host_hu = float(np.median(canvas.image.ravel()[candidates]))
    image[inside] = _intensity(rng, kind, level[inside], host_hu, contrast)
    label[inside] = FlareLabel.TUMOR
    return True


def _largest_radius(host: FlareLabel) -> float:
    small = (FlareLabel.RIGHT_ADRENAL_GLAND, FlareLabel.LEFT_ADRENAL_GLAND)
    return 14.0 if host in small else 36.0 if host == FlareLabel.LIVER else 24.0


def _draw_solid(rng: np.random.Generator, centre: NDArray[np.float64], largest_mm: float) -> LobulatedSolid:
    radius = float(np.clip(rng.lognormal(np.log(12), 0.5), 5, largest_mm))
    a, b, c = (radius * float(r) for r in rng.uniform(0.8, 1.2, size=3))
    turn = rng.uniform(-90, 90, size=3)
    place = (float(centre[0]), float(centre[1]), float(centre[2]))
    waves = np.column_stack([rng.normal(0, 3, size=(4, 3)), rng.uniform(0, 2 * np.pi, size=4)])
    core = Ellipsoid(place, (a, b, c), (float(turn[0]), float(turn[1]), float(turn[2])))
    return LobulatedSolid(core, waves, float(rng.uniform(0.1, 0.35)))


def _intensity(
    rng: np.random.Generator, kind: str, level: NDArray[np.float32], host_hu: float, contrast: float
) -> NDArray[np.float32]:
    """Return the HU at each level: 0 at the centre, 1 at the surface."""
    if kind == "hypodense":
        return np.full_like(level, max(host_hu - contrast * rng.uniform(25, 50), 15))
    if kind == "hyperdense":
        return np.full_like(level, host_hu + contrast * rng.uniform(25, 60))
    if kind == "rim-enhancing":
        core = max(host_hu - contrast * rng.uniform(30, 60), 12)
        return np.where(level > 0.72, host_hu + contrast * rng.uniform(15, 45), core).astype(np.float32)
    mantle = max(host_hu - contrast * rng.uniform(5, 25), 25)
    return np.where(level > rng.uniform(0.45, 0.65), mantle, rng.uniform(5, 20)).astype(np.float32)

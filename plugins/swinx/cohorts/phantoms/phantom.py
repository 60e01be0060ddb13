"""A CT phantom of the upper abdomen with the 13 FLARE organs and tumours.

Every voxel's world position is carried into the frame of an average patient, through pose, size and a smooth random
deformation, and the organs, which are ellipsoids and tubes in that frame, are painted where they are met. So any
orientation, obliqueness and spacing is rendered directly, without resampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from swinx.cohorts.phantoms.phantom_body import paint_body, paint_skeleton
from swinx.cohorts.phantoms.phantom_canvas import Canvas
from swinx.cohorts.phantoms.phantom_contrast import PHASES, draw_tissue_hu
from swinx.cohorts.phantoms.phantom_grid import draw_grid, draw_pose, to_patient_frame
from swinx.cohorts.phantoms.phantom_organs import draw_organs
from swinx.cohorts.phantoms.phantom_painting import paint_organs
from swinx.cohorts.phantoms.phantom_tumors import TUMOR_KINDS, paint_tumor
from swinx.cohorts.smooth_fields import correlated_noise, smooth_displacement, smooth_field

__all__ = ["Phantom", "make_phantom"]

AIR_HU = -1000.0


class Phantom(NamedTuple):
    """A phantom CT.

    Attributes:
        image: HU ``(X, Y, Z)``, int16, -1024..3071.
        label: FLARE class ids ``(X, Y, Z)``, uint8.
        affine: Voxel index to RAS+ world ``(4, 4)``, mm; exact in single precision.
    """

    image: NDArray[np.int16]
    label: NDArray[np.uint8]
    affine: NDArray[np.float64]


def make_phantom(
    rng: np.random.Generator,
    shape: int | Sequence[int] = (128, 128, 128),
    spacing_mm: float | Sequence[float] | None = None,
    *,
    axcodes: str = "RAS",
    oblique_deg: float = 0.0,
    phase: str | None = None,
    tumors: int | None = None,
) -> Phantom:
    """Render one phantom patient, drawn from ``rng``.

    Args:
        rng: Source of all randomness; the same state gives the same arrays.
        shape: Grid size in array order; one number for a cube.
        spacing_mm: Voxel size in array order, or one for all axes; by default such that the body's width and 170
            to 340 mm from feet to head are in view, so organs may be cut or absent.
        axcodes: Directions of the array axes, e.g. ``"LPS"``.
        oblique_deg: Angle by which the grid is turned about a random axis.
        phase: Contrast phase, one of ``PHASES``; drawn by default.
        tumors: Number of tumours to try; 0 to 3 are drawn by default.

    Returns:
        Image, label and affine.

    Raises:
        ValueError: If shape, spacing, ``axcodes`` or ``phase`` is unusable; the message has the value.
    """
    pose = draw_pose(rng)
    grid = draw_grid(rng, pose, shape, spacing_mm, axcodes, oblique_deg)
    phase = PHASES[int(rng.integers(len(PHASES)))] if phase is None else phase
    tumors = int(rng.integers(4)) if tumors is None else tumors
    hounsfield = draw_tissue_hu(rng, phase)

    points = to_patient_frame(grid, pose)
    points += smooth_displacement(rng, grid.shape, grid.spacing_mm, 4.0, 75.0)
    points += smooth_displacement(rng, grid.shape, grid.spacing_mm, 1.0, 22.0)
    canvas = Canvas(
        points,
        np.full(grid.shape, AIR_HU, dtype=np.float32),
        np.zeros(grid.shape, dtype=np.uint8),
        np.zeros(grid.shape, dtype=bool),
        margin_mm=2.0 * max(grid.spacing_mm) / pose.scale.min() + 4.0,
    )
    compartments = paint_body(canvas, hounsfield, pose.fat_mm)
    paint_skeleton(canvas, hounsfield)
    canvas.fixed |= ~compartments.cavity
    paint_organs(canvas, draw_organs(rng), hounsfield, compartments, rng, grid.spacing_mm)
    for _ in range(tumors):
        for _attempt in range(5):
            kind = TUMOR_KINDS[int(rng.integers(len(TUMOR_KINDS)))]
            if paint_tumor(canvas, rng, kind, 0.5 if phase == "non-contrast" else 1.0):
                break
    _paint_table(canvas, compartments.body, grid.world_y(), rng)
    return Phantom(_expose(canvas.image, compartments.body, rng, grid.spacing_mm), canvas.label, grid.affine)


def _paint_table(
    canvas: Canvas, body: NDArray[np.bool_], world_y: NDArray[np.float32], rng: np.random.Generator
) -> None:
    """Paint a curved table top below the back; it stays level while the patient may lie askew."""
    if not body.any():
        return
    back = float(world_y[body].min())
    curve = (canvas.points[0] / np.float32(rng.uniform(420, 700))) ** 2 * 200
    height = world_y - (back - rng.uniform(3, 12)) - curve
    shell = (np.abs(height) < 3.0) & ~body & (np.abs(canvas.points[0]) < 230)
    canvas.image[shell] = -120
    canvas.image[(height < -3) & (height > -26) & ~body & (np.abs(canvas.points[0]) < 230)] = -930


def _expose(
    image: NDArray[np.float32], body: NDArray[np.bool_], rng: np.random.Generator, spacing_mm: Sequence[float]
) -> NDArray[np.int16]:
    """Turn ideal intensities into a CT's: tissue texture, blur of the scanner, correlated noise, whole numbers."""
    texture = smooth_field(rng, image.shape, spacing_mm, 9.0)
    aerated = (image < -600) & body
    scanned = image + np.where(aerated, np.float32(45), np.float32(3)) * texture * body
    scanned = gaussian_filter(scanned, [min(1.1 / s, 0.7) for s in spacing_mm], mode="nearest", truncate=2.5)
    grain = [min(1.2 / s, 1.0) for s in spacing_mm]
    scanned += np.float32(rng.uniform(6, 22)) * correlated_noise(rng, image.shape, grain)
    return np.asarray(np.rint(scanned.clip(-1024, 3071)), dtype=np.int16)

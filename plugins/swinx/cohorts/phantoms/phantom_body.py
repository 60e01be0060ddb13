"""The phantom's body around its organs: skin, fat, muscle, bone, lung bases and diaphragm.

Same frame as :mod:`swinx.cohorts.phantoms.phantom_organs`: mm, x to the patient's right, y to the front, z to the head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swinx.cohorts.phantoms.phantom_canvas import Canvas
from swinx.cohorts.phantoms.solid_shapes import Ellipsoid, Solid, Tube

__all__ = ["CAVITY_HALF_AXES_MM", "WALL_MM", "Compartments", "paint_body", "paint_skeleton"]

CAVITY_HALF_AXES_MM = (138.0, 92.0)
"""Half width and half depth of the space inside the muscle wall."""

WALL_MM = 13.0
"""Thickness of the muscle wall."""

_CAVITY_CENTRE_Y = 4.0
_SKIN_MM = 2.0
_VERTEBRA_MM = 35.0  # vertebra and disc
_COLUMN_Y = -48.0
_CANAL_Y = -74.0


@dataclass(frozen=True)
class Compartments:
    """Masks of the body's compartments, each ``(X, Y, Z)`` boolean.

    Args:
        body: Inside the skin.
        cavity: Inside the muscle wall.
        abdomen: The cavity below the diaphragm.
        lung: Aerated lung.
    """

    body: NDArray[np.bool_]
    cavity: NDArray[np.bool_]
    abdomen: NDArray[np.bool_]
    lung: NDArray[np.bool_]


def paint_body(canvas: Canvas, hounsfield: Mapping[str, float], fat_mm: float) -> Compartments:
    """Paint body wall, muscles, fat, lungs and diaphragm.

    Args:
        canvas: Volume to paint on; air everywhere so far.
        hounsfield: HU by tissue.
        fat_mm: Thickness of the subcutaneous fat.
    """
    x, y, z = canvas.points
    depth = _distance_to_cavity(x, y, z)  # negative inside
    image = canvas.image
    fat = fat_mm * (1 + 0.25 * np.clip(y / 90, -1, 1))  # more in front than behind
    surface = WALL_MM + fat + _SKIN_MM
    body = depth < surface
    image[body] = hounsfield["skin"]
    image[depth < surface - _SKIN_MM] = hounsfield["skin fat"]
    image[depth < WALL_MM] = hounsfield["muscle"]
    cavity = depth < 0
    image[cavity] = hounsfield["organ fat"]

    above = z - _diaphragm_height(x, y)
    mediastinum = (x / 34) ** 2 + ((y - 10) / 78) ** 2 < 1
    lung = cavity & (above > 0) & ~mediastinum
    image[lung] = hounsfield["lung"]
    image[cavity & (np.abs(above + 1.5) < 1.5)] = hounsfield["muscle"]
    for muscle in _muscles():
        canvas.paint(muscle, hounsfield["muscle"], allowed=depth < WALL_MM)
    canvas.paint(Ellipsoid((-22, 30, 152), (60, 50, 52), (0, 0, 20)), hounsfield["heart"], allowed=cavity & (above > 2))
    return Compartments(body, cavity, cavity & (above <= -3), lung & (image < -500))


def _distance_to_cavity(x: NDArray[np.float32], y: NDArray[np.float32], z: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the radial distance from the cavity's wall, mm: a superellipse that narrows to the chest's top."""
    narrow = 1 - 0.14 * np.clip((z - 60) / 140, 0, 1)
    u = np.abs(x) / (CAVITY_HALF_AXES_MM[0] * narrow)
    v = np.abs(y - _CAVITY_CENTRE_Y) / (CAVITY_HALF_AXES_MM[1] * (1 - 0.5 * (1 - narrow)))
    level = np.maximum((u**2.4 + v**2.4) ** np.float32(1 / 2.4), 1e-3)
    return np.asarray((1 - 1 / level) * np.hypot(x, y - _CAVITY_CENTRE_Y), dtype=np.float32)


def _diaphragm_height(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the height of the two domes: the right one higher, both steeper to the back than to the front."""
    from_top = ((y - 8) / np.where(y < 8, np.float32(92), np.float32(135))) ** 2
    right = 118 - 82 * (((x - 68) / 78) ** 2 + from_top)
    left = 108 - 66 * (((x + 68) / 78) ** 2 + from_top)
    central = 92 - 45 * ((x / 70) ** 2 + from_top)
    return np.maximum(np.maximum(right, left), central)


def _muscles() -> list[Solid]:
    muscles: list[Solid] = []
    for side in (-1, 1):
        psoas = [(side * 26, -46, 20), (side * 38, -44, -60), (side * 52, -30, -150), (side * 60, -10, -210)]
        erector_spinae = [(side * 30, -88, -260), (side * 32, -88, 40), (side * 28, -84, 260)]
        quadratus_lumborum = [(side * 68, -76, -160), (side * 62, -76, 10)]
        crus_of_the_diaphragm = [(side * 14, -24, 60), (side * 12, -28, 0), (side * 10, -30, -40)]
        muscles += [
            Tube(psoas, [8, 18, 23, 22]),
            Tube(erector_spinae, [24, 23, 18]),
            Tube(quadratus_lumborum, [17, 10]),
            Tube(crus_of_the_diaphragm, [7, 6, 4]),
        ]
    return muscles


def paint_skeleton(canvas: Canvas, hounsfield: Mapping[str, float]) -> None:
    """Paint ribs, costal cartilage, spine and iliac wings, and protect them from later painting."""
    x, y, z = canvas.points
    bone = np.zeros(canvas.image.shape, dtype=bool)
    depth = _distance_to_cavity(x, y, z)
    slope = (z + 0.45 * (y + 90)) / 27  # ribs run down to the front
    rib = (depth > 1) & (depth < 9.5) & (slope - np.floor(slope) < 0.42) & (z > 8 + 0.55 * (y + 60)) & (y < 78)
    canvas.image[rib] = hounsfield["trabecular bone"] + 120
    canvas.image[rib & ((depth < 3) | (depth > 7.5))] = 0.75 * hounsfield["cortical bone"]
    canvas.image[rib & (y > 50)] = hounsfield["cartilage"]
    bone |= rib
    for side in (-1, 1):
        wing = Ellipsoid((side * 92, -40, -168), (8, 52, 48), (0, side * 18, side * 25))
        canvas.paint(wing, lambda level: np.where(level > 0.8, hounsfield["cortical bone"], 220).astype(np.float32))
        bone |= _inside(canvas, wing)
    bone |= _paint_spine(canvas, hounsfield)
    canvas.fixed |= bone


def _inside(canvas: Canvas, solid: Solid) -> NDArray[np.bool_]:
    inside = np.zeros(canvas.image.shape, dtype=bool)
    block = canvas.block(solid)
    if block is not None:
        inside[block] = solid.level(canvas.points[(slice(None), *block)]) <= 1
    return inside


def _paint_spine(canvas: Canvas, hounsfield: Mapping[str, float]) -> NDArray[np.bool_]:
    """Paint vertebrae, discs and the spinal canal; return their voxels."""
    painted = np.zeros(canvas.image.shape, dtype=bool)
    block = canvas.block(Ellipsoid((0, -72, 0), (46, 46, 1000)))
    if block is None:
        return painted
    x, y, z = canvas.points[(slice(None), *block)]
    image = canvas.image[block]
    local = np.mod(z, _VERTEBRA_MM) - _VERTEBRA_MM / 2  # 0 in the middle of a vertebra
    waist = 1 - 0.1 * np.clip(1 - (local / 13) ** 2, 0, 1)
    body = np.sqrt((x / (22.5 * waist)) ** 2 + ((y - _COLUMN_Y) / (17 * waist)) ** 2)
    bone = np.abs(local) < 13.5
    canal = np.hypot(x / 10.5, (y - _CANAL_Y) / 8.5)
    arch = (canal < 1.55) & (y > _CANAL_Y - 13) & (local > -9) & (local < 10)
    spinous = (np.abs(x) < 3.5) & (y < _CANAL_Y - 8) & (y > -107) & (np.abs(local + 3) < 9)
    transverse = (np.abs(x) < 38) & (np.abs(y + 70 + 0.15 * np.abs(x)) < 4.5) & (np.abs(local - 3) < 5)
    posterior = (arch | spinous | transverse) & (canal > 1)
    image[posterior] = 0.6 * hounsfield["cortical bone"]
    image[(body < 1) & ~bone] = hounsfield["cartilage"]
    image[(body < 1) & bone] = hounsfield["trabecular bone"]
    image[(body < 1) & bone & ((body > 0.9) | (np.abs(local) > 12))] = 0.8 * hounsfield["cortical bone"]
    image[(canal < 1) & (body >= 1)] = hounsfield["spinal canal"]
    painted[block] = posterior | (body < 1) | (canal < 1)
    return painted

"""A pelvis of simple solids: where none of the abdominal organs is, so that a training learns to leave it empty."""

from __future__ import annotations

import numpy as np

from swinx.cohorts.generator.source_scan import SourceScan
from swinx.cohorts.phantoms.phantom_canvas import Canvas
from swinx.cohorts.phantoms.solid_shapes import Ellipsoid, Solid, Tube
from swinx.cohorts.smooth_fields import correlated_noise, smooth_displacement, smooth_field
from swinx.labels import read_label_set

__all__ = ["pelvis_phantom"]

_MM = 2.5
_SIZE = (160, 112, 104)
_BENT_MM, _NODES_MM = 7.0, 40.0
_FAT_HU, _MUSCLE_HU, _GRAIN_HU = -105.0, 55.0, 14.0
_SKIN, _WALL = (190.0, 128.0), (158.0, 100.0)


def pelvis_phantom(seed: int = 0) -> SourceScan:
    """Return a source without any abdominal organ, from the iliac crest to the thighs.

    Bones, muscles, bladder, bowel and vessels are ellipsoids and tubes, bent at random, with a texture. They have the
    numbers of TotalSegmentator, so that contrasts, contents of the bowel and all else vary as in a real source.

    Args:
        seed: Of the shapes' bends and the texture.
    """
    rng = np.random.default_rng(seed)
    affine = np.diag([_MM, _MM, _MM, 1.0])
    affine[:3, 3] = -_MM * (np.array(_SIZE) - 1) / 2
    index = np.stack(np.meshgrid(*(np.arange(n) for n in _SIZE), indexing="ij")).astype(np.float32)
    points = index * np.float32(_MM) + affine[:3, 3].astype(np.float32)[:, None, None, None]
    points += smooth_displacement(rng, _SIZE, [_MM] * 3, _BENT_MM, _NODES_MM)
    image, labels = np.full(_SIZE, -1000.0, dtype=np.float32), np.zeros(_SIZE, dtype=np.uint8)
    for (half_width, half_depth), hounsfield in ((_SKIN, _FAT_HU), (_WALL, _MUSCLE_HU)):
        image[(points[0] / half_width) ** 2 + (points[1] / half_depth) ** 2 < 1] = hounsfield
    outside = image < -500
    cavity = ((points[0] / 118) ** 2 + ((points[1] - 8) / 72) ** 2 < 1) & (points[2] > -70)
    image[cavity] = _FAT_HU
    canvas = Canvas(points, image, labels, outside, margin_mm=4 * _MM + 2 * _BENT_MM)
    numbers = {name: number for number, name in enumerate(read_label_set("totalsegmentator").names)}
    for name, hounsfield, solid in _solids(rng):
        canvas.paint(solid, hounsfield, numbers[name])
    texture = correlated_noise(rng, _SIZE, 1.0) + 0.5 * smooth_field(rng, _SIZE, [_MM] * 3, 20.0)
    image += np.where(outside, 0, _GRAIN_HU * texture).astype(np.float32)
    return SourceScan.from_arrays(image, labels, affine, "pelvis phantom", share=0.15)


def _solids(rng: np.random.Generator) -> list[tuple[str, float, Solid]]:
    """Return structures with their intensity; later ones are painted over earlier ones."""
    found: list[tuple[str, float, Solid]] = []
    for _ in range(14):
        place = (rng.uniform(-85, 85), rng.uniform(-20, 65), rng.uniform(-10, 125))
        found.append(("small_bowel", 45, _loop(rng, place, 13, 45)))
    for x in (95, -90):
        found.append(("colon", 20, _loop(rng, (x, 10, 80), 22, 20, upright=True)))
    found.append(("colon", 10, Tube([(-80, 10, 40), (-40, -10, 20), (0, -45, 30), (0, -60, -40)], [17, 18, 20, 18])))
    found.append(("urinary_bladder", 8, Ellipsoid((0, 30, -35), (42, 34, rng.uniform(24, 48)))))
    found.append(("prostate", 40, Ellipsoid((0, 18, -85), (24, 18, 20))))
    for side, r in (("right", 1), ("left", -1)):
        parts: tuple[tuple[str, float, Solid], ...] = (
            ("gluteus_maximus", 55, Ellipsoid((r * 80, -85, -40), (62, 26, 75), (0, 0, r * -20))),
            ("gluteus_medius", 58, Ellipsoid((r * 118, -35, 30), (22, 42, 62), (0, r * -8, r * -25))),
            ("iliopsoas", 58, Tube([(r * 52, -20, 135), (r * 68, 10, 30), (r * 90, 35, -90)], [24, 26, 20])),
            ("iliac_artery", 180, Tube([(r * 12, -5, 130), (r * 45, 5, 40), (r * 78, 55, -110)], [7, 6, 6])),
            ("iliac_vena", 120, Tube([(r * 14, -18, 130), (r * 48, -8, 40), (r * 70, 45, -110)], [9, 8, 8])),
            ("hip", 330, Ellipsoid((r * 98, -22, 45), (11, 62, 66), (0, r * 14, r * -28))),
            ("hip", 360, Ellipsoid((r * 82, 0, -50), (30, 34, 36))),
            ("hip", 330, Tube([(r * 70, 30, -55), (r * 22, 52, -75), (r * 8, 50, -85)], [15, 13, 12])),
            ("femur", 420, Ellipsoid((r * 92, 0, -52), (23, 23, 23))),
            ("femur", 420, Tube([(r * 95, -2, -55), (r * 130, -12, -80), (r * 128, -5, -140)], [18, 22, 19])),
        )
        found += [(f"{name}_{side}", hounsfield, solid) for name, hounsfield, solid in parts]
    found.append(("sacrum", 300, Ellipsoid((0, -62, 45), (50, 24, 62), (-18, 0, 0))))
    found.append(("vertebrae_L5", 280, Ellipsoid((0, -35, 118), (26, 20, 18))))
    return found


def _loop(
    rng: np.random.Generator, place: tuple[float, float, float], radius: float, reach: float, upright: bool = False
) -> Tube:
    """Return a piece of bowel through a place, as wide as ``radius`` and as long as twice ``reach``, in mm."""
    away = np.array([0.15, 0.15, 1.0]) if upright else rng.normal(size=3)
    away *= reach / np.linalg.norm(away)
    middle = np.array(place) + rng.normal(0, reach / 4, 3)
    points = (np.array(place) - away, middle, np.array(place) + away)
    nodes = [(float(x), float(y), float(z)) for x, y, z in points]
    return Tube(nodes, [radius * rng.uniform(0.8, 1.2) for _ in nodes])

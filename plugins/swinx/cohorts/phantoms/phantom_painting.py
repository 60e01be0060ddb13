"""Painting of the phantom's organs: walls, contents and inner structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from swinx.cohorts.phantoms.phantom_body import Compartments
from swinx.cohorts.phantoms.phantom_canvas import Canvas
from swinx.cohorts.phantoms.phantom_organs import OrganPlan
from swinx.cohorts.phantoms.solid_shapes import Ellipsoid, Solid, Tube
from swinx.cohorts.smooth_fields import smooth_field
from swinx.labels import FlareLabel

__all__ = ["paint_organs"]

_TISSUE = {
    FlareLabel.LIVER: "liver",
    FlareLabel.SPLEEN: "spleen",
    FlareLabel.PANCREAS: "pancreas",
    FlareLabel.AORTA: "aorta",
    FlareLabel.INFERIOR_VENA_CAVA: "inferior vena cava",
    FlareLabel.RIGHT_ADRENAL_GLAND: "adrenal",
    FlareLabel.LEFT_ADRENAL_GLAND: "adrenal",
    FlareLabel.GALLBLADDER: "gallbladder",
    FlareLabel.ESOPHAGUS: "esophagus",
    FlareLabel.STOMACH: "stomach wall",
    FlareLabel.DUODENUM: "bowel wall",
}
_KIDNEYS = (FlareLabel.RIGHT_KIDNEY, FlareLabel.LEFT_KIDNEY)
_ADRENALS = (FlareLabel.RIGHT_ADRENAL_GLAND, FlareLabel.LEFT_ADRENAL_GLAND)
_FAT_AROUND = {FlareLabel.PANCREAS: 1.25, FlareLabel.DUODENUM: 1.15, FlareLabel.ESOPHAGUS: 1.2}
_KEPT_BY_FAT = (FlareLabel.BACKGROUND, FlareLabel.AORTA, FlareLabel.INFERIOR_VENA_CAVA, *_KIDNEYS)
_GAS_HU = -950.0

Paint = float | Callable[[NDArray[np.float32]], NDArray[np.float32]]


def paint_organs(
    canvas: Canvas,
    plan: OrganPlan,
    hounsfield: Mapping[str, float],
    compartments: Compartments,
    rng: np.random.Generator,
    spacing_mm: Sequence[float],
) -> None:
    """Paint bowel, organs and vessels in the plan's order, later over earlier.

    Args:
        canvas: Volume with body and skeleton on it.
        plan: The organs' solids.
        hounsfield: HU by tissue.
        compartments: Where the abdomen is; only esophagus, aorta and vena cava go above the diaphragm.
        rng: Source of randomness for contents.
        spacing_mm: Voxel size in array order.
    """
    abdomen = compartments.abdomen
    _paint_mesentery(canvas, abdomen, hounsfield, rng, spacing_mm)
    for loop in plan.bowel:
        _paint_bowel(canvas, loop, abdomen, hounsfield, rng)
    for tissue, vessel in plan.vessels:
        canvas.paint(vessel, hounsfield[tissue], allowed=abdomen)
    everywhere = compartments.cavity & ~compartments.lung
    for label, solids in plan.labelled:
        vessel_like = label in (FlareLabel.ESOPHAGUS, FlareLabel.AORTA, FlareLabel.INFERIOR_VENA_CAVA)
        allowed = everywhere if vessel_like else abdomen
        if label in _KIDNEYS:
            _paint_kidney(canvas, solids[0], label, abdomen, hounsfield)
            continue
        _paint_surrounding_fat(canvas, label, solids, abdomen, hounsfield["organ fat"])
        for solid in solids:
            canvas.paint(solid, hounsfield[_TISSUE[label]], label, allowed=allowed)
        if label == FlareLabel.LIVER:
            liver = canvas.label == FlareLabel.LIVER
            for branch in plan.liver_vessels:
                canvas.paint(branch, hounsfield["liver vessel"], FlareLabel.LIVER, allowed=liver)
        if label in (FlareLabel.STOMACH, FlareLabel.DUODENUM):
            _paint_lumen(canvas, solids[0], label, allowed, rng)


def _paint_mesentery(
    canvas: Canvas,
    abdomen: NDArray[np.bool_],
    hounsfield: Mapping[str, float],
    rng: np.random.Generator,
    spacing_mm: Sequence[float],
) -> None:
    """Scatter small vessels and nodes in the fat, since organs in clean fat would be too easy to find."""
    strands = abdomen & ~canvas.fixed & (canvas.image < -60)
    strands &= smooth_field(rng, canvas.image.shape, spacing_mm, 4.0) > 1.9
    canvas.image[strands] = 0.4 * hounsfield["portal vein"]


def _paint_surrounding_fat(
    canvas: Canvas, label: FlareLabel, solids: Sequence[Solid], abdomen: NDArray[np.bool_], fat_hu: float
) -> None:
    """Surround a thin organ with some fat, so that its neighbours do not enclose it."""
    if label in _ADRENALS:
        lower, upper = solids[0].bounds()
        x, y, z = (float(v) for v in (lower + upper) / 2)
        # open to the back, so that the gland lies behind the liver and not in it; muscle (label 0) stays
        room = Ellipsoid((x, y - 12, z), (14, 32, 17))
        canvas.paint(room, fat_hu, allowed=abdomen & ~np.isin(canvas.label, _KEPT_BY_FAT))
    elif label in _FAT_AROUND:
        for solid in solids:
            if isinstance(solid, Tube):
                halo = replace(solid, radii=[r * _FAT_AROUND[label] for r in solid.radii])
                keep = (FlareLabel.STOMACH, FlareLabel.ESOPHAGUS, FlareLabel.DUODENUM)
                canvas.paint(halo, fat_hu, allowed=abdomen & ~np.isin(canvas.label, keep))


def _paint_bowel(
    canvas: Canvas,
    loop: Tube,
    abdomen: NDArray[np.bool_],
    hounsfield: Mapping[str, float],
    rng: np.random.Generator,
) -> None:
    wall, content = hounsfield["bowel wall"], float(rng.choice([-60.0, 10.0, 25.0, 180.0], p=[0.3, 0.3, 0.3, 0.1]))
    canvas.paint(loop, lambda level: np.where(level > 0.82, wall, content).astype(np.float32), allowed=abdomen)
    pockets = abdomen & (canvas.points[1] > rng.uniform(35, 70))
    canvas.paint(replace(loop, radii=[0.75 * r for r in loop.radii]), _GAS_HU, allowed=pockets)


def _paint_lumen(
    canvas: Canvas, solid: Solid, label: FlareLabel, allowed: NDArray[np.bool_], rng: np.random.Generator
) -> None:
    """Fill a hollow organ with fluid, food or oral contrast, and gas above a level; all of it is labelled."""
    if not isinstance(solid, Tube):
        return
    own = allowed & (canvas.label == label)
    lumen = replace(solid, radii=[max(r - 4.0, 2.0) for r in solid.radii])
    content = float(rng.choice([8.0, 30.0, 55.0, 220.0], p=[0.4, 0.3, 0.2, 0.1]))
    canvas.paint(lumen, content, label, allowed=own)
    canvas.paint(lumen, _GAS_HU, label, allowed=own & (canvas.points[1] > rng.uniform(30, 70)))


def _paint_kidney(
    canvas: Canvas, kidney: Solid, label: FlareLabel, abdomen: NDArray[np.bool_], hounsfield: Mapping[str, float]
) -> None:
    """Paint perirenal fat, cortex and medulla, and the sinus, whose fat and pelvis are not labelled."""
    if not isinstance(kidney, Ellipsoid):
        return
    a, b, c = kidney.radii
    x, y, z = kidney.centre
    # open to the back, where the kidney lies in its fat; muscle (label 0) stays
    cover = replace(kidney, centre=(x, y - 0.6 * b, z), radii=(a * 1.2, b * 1.8, c * 1.15))
    canvas.paint(cover, hounsfield["organ fat"], allowed=abdomen & ~np.isin(canvas.label, _KEPT_BY_FAT))
    cortex, medulla = hounsfield["kidney cortex"], hounsfield["kidney medulla"]
    canvas.paint(
        kidney, lambda level: np.where(level > 0.74, cortex, medulla).astype(np.float32), label, allowed=abdomen
    )
    toward_spine = -1.0 if label == FlareLabel.RIGHT_KIDNEY else 1.0
    sinus = Ellipsoid((x + toward_spine * 0.72 * a, y + 0.2 * b, z), (0.6 * a, 0.38 * b, 0.42 * c), kidney.angles_deg)
    canvas.paint(sinus, hounsfield["organ fat"], allowed=abdomen)
    canvas.paint(replace(sinus, radii=(0.3 * a, 0.22 * b, 0.22 * c)), hounsfield["renal pelvis"], allowed=abdomen)

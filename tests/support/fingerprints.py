"""Fingerprints of collections that were published or made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from swinx.planning import Fingerprint

FLARE23 = Fingerprint(
    labelled=2200,
    unlabelled=1800,
    patients=2200,
    num_classes=15,
    spacings_mm=((0.7, 0.7, 1.0), (0.8, 0.8, 2.5), (0.9, 0.9, 5.0)),
    shapes=((512, 512, 334), (512, 512, 150), (512, 512, 100)),
    bodies_mm=((360.0, 280.0, 375.0),),
    percentiles=(-300.0, -10.0, 85.0, 190.0, 260.0),
    extents_mm={"liver": 140.0, "left adrenal gland": 18.0},
    looks_like_hu=True,
    memory_mb=128 * 1024,
    cores=16,
    gpu_gb=40.0,
)
"""FLARE-23: 2,200 labelled and 1,800 other abdominal CTs of 512 x 512 x 55 to 554 voxels (the challenge's page, and the
paper's table of sizes). Spacing, body and HU of abdominal organs are typical ones; the challenge publishes none."""


def fingerprint_from(content: dict[str, Any]) -> Fingerprint:
    """The fingerprint of a record of a plan, which has lists for tuples."""
    return Fingerprint(**{name: _tupled(value) for name, value in content.items()})


def scaled(fingerprint: Fingerprint, factor: float) -> Fingerprint:
    """The same collection with all lengths multiplied: more mm a voxel, and larger bodies."""
    return replace(
        fingerprint,
        spacings_mm=tuple(tuple(size * factor for size in spacing) for spacing in fingerprint.spacings_mm),
        bodies_mm=tuple(tuple(size * factor for size in body) for body in fingerprint.bodies_mm),
        extents_mm={name: size * factor for name, size in fingerprint.extents_mm.items()},
    )


def collections() -> dict[str, Fingerprint]:
    """Collections and machines that differ in what rules look at."""
    made: dict[str, dict[str, Any]] = {
        "flare23": {},
        "on a processor": {"gpu_gb": None, "memory_mb": 24 * 1024, "cores": 2},
        "few cases": {"labelled": 30, "patients": 20, "gpu_gb": 11.0},
        "thick slices": {
            "spacings_mm": ((0.6, 0.6, 6.0),),
            "shapes": ((400, 400, 24),),
            "bodies_mm": ((240, 200, 144),),
        },
        "coronal slices": {"spacings_mm": ((0.9, 4.0, 0.9),), "labelled": 99, "patients": 99, "gpu_gb": 6.0},
        "no HU": {"looks_like_hu": False, "percentiles": (2.0, 80.0, 400.0, 900.0, 1500.0), "gpu_gb": 24.0},
        "many classes": {"num_classes": 118, "gpu_gb": 24.0, "labelled": 1200},
        "micro": {"spacings_mm": ((0.08, 0.08, 0.08),), "bodies_mm": ((30.0, 20.0, 40.0),), "extents_mm": {}},
        "flat values": {"percentiles": (40.0, 40.0, 40.0, 40.0, 40.0), "labelled": 3, "patients": 3},
        "tiny machine": {"gpu_gb": None, "memory_mb": 512, "cores": 1},
    }
    return {name: replace(FLARE23, **changes) for name, changes in made.items()}


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value

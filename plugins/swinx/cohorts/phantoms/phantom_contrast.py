"""Hounsfield units of the phantom's tissues by contrast phase.

Plausible values, chosen within the ranges that radiology textbooks give for adults; nothing here was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

__all__ = ["PHASES", "TISSUE_HU", "draw_tissue_hu"]

PHASES = ("non-contrast", "arterial", "portal", "delayed")
"""Contrast phases: none, about 30 s, 70 s and 5 min after the injection."""

TISSUE_HU: Mapping[str, tuple[float, float, float, float]] = MappingProxyType(
    {
        "liver": (56, 68, 108, 88),
        "liver vessel": (42, 62, 150, 105),
        "kidney cortex": (34, 160, 178, 135),
        "kidney medulla": (32, 70, 150, 145),
        "renal pelvis": (5, 8, 12, 320),
        "spleen": (48, 118, 122, 98),
        "pancreas": (40, 100, 92, 72),
        "aorta": (42, 320, 158, 112),
        "inferior vena cava": (40, 72, 140, 108),
        "portal vein": (42, 75, 165, 115),
        "adrenal": (28, 62, 74, 55),
        "gallbladder": (8, 8, 9, 12),
        "esophagus": (38, 52, 64, 58),
        "stomach wall": (38, 72, 84, 72),
        "bowel wall": (36, 70, 82, 70),
        "heart": (42, 240, 150, 110),
        "muscle": (54, 58, 64, 62),
        "organ fat": (-102, -102, -100, -100),
        "skin fat": (-106, -106, -105, -105),
        "skin": (10, 12, 18, 16),
        "trabecular bone": (170, 175, 185, 180),
        "cortical bone": (620, 620, 620, 620),
        "cartilage": (95, 95, 100, 100),
        "lung": (-840, -835, -830, -832),
        "spinal canal": (32, 34, 36, 36),
    }
)
"""Mean HU of each tissue in the order of :data:`PHASES`."""

_SPREAD = 0.06  # between patients, relative, beside 4 HU


def draw_tissue_hu(rng: np.random.Generator, phase: str) -> dict[str, float]:
    """Draw one patient's tissue intensities in a contrast phase.

    The vessels vary together (dose and timing), the bone with the patient's age, fatty change darkens the liver of
    one patient in eight; every tissue varies a little by itself.

    Args:
        rng: Source of randomness.
        phase: One of :data:`PHASES`.

    Returns:
        HU by tissue name, the names of :data:`TISSUE_HU`.

    Raises:
        ValueError: If ``phase`` is unknown.
    """
    if phase not in PHASES:
        raise ValueError(f"unknown contrast phase {phase!r}; choose one of {', '.join(PHASES)}")
    column = PHASES.index(phase)
    enhancement, bone, fatty = rng.uniform(0.8, 1.15), rng.uniform(0.7, 1.25), rng.uniform() < 1 / 8
    drawn = {}
    for tissue, by_phase in TISSUE_HU.items():
        value = by_phase[0] + enhancement * (by_phase[column] - by_phase[0])
        if "bone" in tissue:
            value *= bone
        if tissue == "liver" and fatty:
            value -= 30
        drawn[tissue] = value + rng.normal() * (_SPREAD * min(abs(value), 150) * 0.5 + 2)
    return drawn

"""Intensities of abdominal structures in CT, by phase of contrast."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from swinx.labels import read_label_set

__all__ = ["PHASES", "TYPICAL_HU", "group_of"]

PHASES = ("native", "arterial", "portal", "late")
"""Phases after the injection of contrast medium: none, 20 to 40 s, 60 to 80 s, 3 to 10 min."""

Range = tuple[float, float]

TYPICAL_HU: Mapping[str, tuple[Range, Range, Range, Range]] = MappingProxyType(
    {
        "artery": ((30, 55), (220, 450), (120, 190), (80, 135)),
        "portal vein": ((30, 52), (50, 170), (140, 210), (85, 135)),
        "vein": ((25, 52), (35, 150), (95, 175), (80, 135)),
        "heart": ((30, 52), (150, 400), (110, 180), (80, 130)),
        "liver": ((35, 68), (50, 90), (85, 135), (70, 112)),
        "spleen": ((38, 58), (85, 180), (100, 150), (75, 112)),
        "pancreas": ((25, 52), (70, 135), (65, 120), (45, 88)),
        "kidney": ((22, 44), (110, 230), (140, 230), (100, 200)),
        "adrenal gland": ((2, 36), (35, 95), (45, 100), (30, 78)),
        "bowel": ((15, 48), (25, 95), (35, 105), (30, 80)),
        "oesophagus": ((20, 48), (25, 80), (35, 90), (30, 75)),
        "gallbladder": ((-5, 25), (-5, 25), (-5, 28), (-5, 40)),
        "bladder": ((-5, 18), (-5, 18), (-5, 30), (10, 300)),
        "cyst": ((-8, 20), (-8, 20), (-8, 22), (-8, 25)),
        "muscle": ((38, 62), (42, 70), (48, 78), (45, 75)),
        "thyroid": ((70, 130), (120, 220), (110, 190), (90, 150)),
        "nerve": ((20, 40), (20, 42), (22, 45), (22, 45)),
        "prostate": ((25, 50), (35, 75), (45, 95), (45, 90)),
    }
)
"""Mean intensity in HU of groups of structures, least and largest for each of :data:`PHASES`.

The ranges are those that are taught for adults at 120 kV, widened for fatty livers, slow hearts, early and late starts.
They are meant to vary a training, not to describe patients.
"""

_MEMBERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "artery": ("aorta", "brachiocephalic_trunk", "atrial_appendage_left", "pulmonary_vein"),
        "portal vein": ("portal_vein_and_splenic_vein",),
        "vein": ("inferior_vena_cava", "superior_vena_cava", "brachiocephalic_vein", "iliac_vena"),
        "heart": ("heart",),
        "liver": ("liver",),
        "spleen": ("spleen",),
        "pancreas": ("pancreas",),
        "kidney": ("kidney_right", "kidney_left"),
        "adrenal gland": ("adrenal_gland",),
        "bowel": ("stomach", "duodenum", "small_bowel", "colon"),
        "oesophagus": ("esophagus",),
        "gallbladder": ("gallbladder",),
        "bladder": ("urinary_bladder",),
        "cyst": ("kidney_cyst",),
        "muscle": ("gluteus", "autochthon", "iliopsoas"),
        "thyroid": ("thyroid_gland",),
        "nerve": ("spinal_cord", "brain"),
        "prostate": ("prostate",),
    }
)


def group_of() -> dict[int, str]:
    """Return the group of :data:`TYPICAL_HU` of each TotalSegmentator number; bones and lungs are in none."""
    names = read_label_set("totalsegmentator").names
    found = {}
    for number, name in enumerate(names):
        words = name.replace(" ", "_")
        for group, members in _MEMBERS.items():
            if words.startswith(members) or (group == "artery" and "artery" in words):
                found[number] = group
    return found

"""The FLARE-23 classes: names, scoring tolerances, paired organs, colours, label maps of other tools.

Source of classes and tolerances: MICCAI FLARE 2023 challenge, https://codalab.lisn.upsaclay.fr/competitions/12239,
and its evaluation script.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import IntEnum
from types import MappingProxyType

__all__ = [
    "CLASS_COLOURS",
    "CLASS_NAMES",
    "LEFT_RIGHT_PAIRS",
    "NSD_TOLERANCE_MM",
    "NUM_CLASSES",
    "ORGANS",
    "TOTALSEGMENTATOR_TO_FLARE",
    "UNKNOWN",
    "FlareLabel",
    "class_name",
    "may_be_empty",
]


class FlareLabel(IntEnum):
    """Class ids of FLARE-23, as stored in label files."""

    BACKGROUND = 0
    LIVER = 1
    RIGHT_KIDNEY = 2
    SPLEEN = 3
    PANCREAS = 4
    AORTA = 5
    INFERIOR_VENA_CAVA = 6
    RIGHT_ADRENAL_GLAND = 7
    LEFT_ADRENAL_GLAND = 8
    GALLBLADDER = 9
    ESOPHAGUS = 10
    STOMACH = 11
    DUODENUM = 12
    LEFT_KIDNEY = 13
    TUMOR = 14


def class_name(label: int) -> str:
    """Return the name used in tables and metadata, e.g. ``"right kidney"``.

    Raises:
        ValueError: If ``label`` is not in 0..14.

    Examples:
        >>> class_name(2)
        'right kidney'
    """
    return FlareLabel(label).name.lower().replace("_", " ")


NUM_CLASSES = len(FlareLabel)
"""Background, 13 organs and tumour."""

UNKNOWN = 255
"""Value of voxels of unknown class in a label map; loss and scores leave them out."""

CLASS_NAMES: tuple[str, ...] = tuple(class_name(label) for label in FlareLabel)
"""Names in class order; the index is the class id."""

ORGANS: tuple[FlareLabel, ...] = tuple(FlareLabel)[1:14]
"""The 13 organs, in class order."""

LEFT_RIGHT_PAIRS: tuple[tuple[FlareLabel, FlareLabel], ...] = (
    (FlareLabel.RIGHT_KIDNEY, FlareLabel.LEFT_KIDNEY),
    (FlareLabel.RIGHT_ADRENAL_GLAND, FlareLabel.LEFT_ADRENAL_GLAND),
)
"""Classes that trade places when a scan is mirrored left to right."""

NSD_TOLERANCE_MM: Mapping[FlareLabel, float] = MappingProxyType(
    {
        FlareLabel.LIVER: 5.0,
        FlareLabel.RIGHT_KIDNEY: 3.0,
        FlareLabel.SPLEEN: 3.0,
        FlareLabel.PANCREAS: 5.0,
        FlareLabel.AORTA: 2.0,
        FlareLabel.INFERIOR_VENA_CAVA: 2.0,
        FlareLabel.RIGHT_ADRENAL_GLAND: 2.0,
        FlareLabel.LEFT_ADRENAL_GLAND: 2.0,
        FlareLabel.GALLBLADDER: 2.0,
        FlareLabel.ESOPHAGUS: 3.0,
        FlareLabel.STOMACH: 5.0,
        FlareLabel.DUODENUM: 7.0,
        FlareLabel.LEFT_KIDNEY: 3.0,
        FlareLabel.TUMOR: 2.0,
    }
)
"""Tolerance of the normalised surface Dice, in mm, by class."""

CLASS_COLOURS: Mapping[FlareLabel, str] = MappingProxyType(
    {
        FlareLabel.LIVER: "#c8643c",  # rust
        FlareLabel.RIGHT_KIDNEY: "#f5a623",  # amber
        FlareLabel.SPLEEN: "#8e6bd8",  # violet
        FlareLabel.PANCREAS: "#f6e34b",  # yellow
        FlareLabel.AORTA: "#e8202f",  # red, as atlases show arteries
        FlareLabel.INFERIOR_VENA_CAVA: "#2f6fe4",  # blue, as atlases show veins
        FlareLabel.RIGHT_ADRENAL_GLAND: "#38d6d0",  # turquoise
        FlareLabel.LEFT_ADRENAL_GLAND: "#7fc4ff",  # sky blue
        FlareLabel.GALLBLADDER: "#2f9e44",  # green, as bile
        FlareLabel.ESOPHAGUS: "#f7a1c4",  # pink
        FlareLabel.STOMACH: "#a6d854",  # lime
        FlareLabel.DUODENUM: "#c9a57b",  # tan
        FlareLabel.LEFT_KIDNEY: "#fdd08a",  # pale amber, the right kidney's partner
        FlareLabel.TUMOR: "#ff2fd6",  # magenta, unlike any organ
    }
)
"""Class to ``#rrggbb``. Paired organs have related hues; all can be told from the grey of a CT."""

TOTALSEGMENTATOR_TO_FLARE: Mapping[int, FlareLabel] = MappingProxyType(
    {
        1: FlareLabel.SPLEEN,
        2: FlareLabel.RIGHT_KIDNEY,
        3: FlareLabel.LEFT_KIDNEY,
        4: FlareLabel.GALLBLADDER,
        5: FlareLabel.LIVER,
        6: FlareLabel.STOMACH,
        7: FlareLabel.PANCREAS,
        8: FlareLabel.RIGHT_ADRENAL_GLAND,
        9: FlareLabel.LEFT_ADRENAL_GLAND,
        15: FlareLabel.ESOPHAGUS,
        19: FlareLabel.DUODENUM,
        52: FlareLabel.AORTA,
        63: FlareLabel.INFERIOR_VENA_CAVA,
    }
)
"""TotalSegmentator v2 ids (https://github.com/wasserth/TotalSegmentator) to FLARE ids; other ids are background."""


def may_be_empty(annotated: Collection[int] | None, num_classes: int = NUM_CLASSES) -> bool:
    """Return whether a label without any class is plausible: annotated classes are recorded, and not all were.

    A scan in which only tumours, or only the gallbladder, were looked for may have none. Without a record, or where
    all classes were looked for, an empty label is more likely a file that went wrong.

    Args:
        annotated: Ids of the annotated classes; None if they are not recorded.
        num_classes: Number of classes, with background.

    Examples:
        >>> may_be_empty([14]), may_be_empty(None), may_be_empty(range(1, 15)), may_be_empty([])
        (True, False, False, False)
    """
    return annotated is not None and 0 < len(set(annotated)) < num_classes - 1

"""The FLARE-23 classes: names, scoring tolerances, paired organs, colours, label maps of other tools.

Source of classes and tolerances: MICCAI FLARE 2023 challenge, https://codalab.lisn.upsaclay.fr/competitions/12239,
and its evaluation script.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import IntEnum

from swinx.labels.class_numbers import class_numbers
from swinx.labels.read_label_set import read_label_set

__all__ = [
    "CLASS_COLOURS",
    "CLASS_NAMES",
    "FLARE23",
    "LEFT_RIGHT_PAIRS",
    "NSD_TOLERANCE_MM",
    "NUM_CLASSES",
    "ORGANS",
    "TOTALSEGMENTATOR_TO_FLARE",
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


FLARE23 = read_label_set("flare23")
"""The label set of FLARE-23, which is taken where nothing names another."""

NUM_CLASSES = FLARE23.num_classes
CLASS_NAMES = FLARE23.names
ORGANS: tuple[FlareLabel, ...] = tuple(map(FlareLabel, FLARE23.organs))
LEFT_RIGHT_PAIRS = tuple((FlareLabel(right), FlareLabel(left)) for right, left in FLARE23.pairs)
NSD_TOLERANCE_MM: Mapping[FlareLabel, float] = {FlareLabel(k): v for k, v in FLARE23.tolerances_mm.items()}
CLASS_COLOURS: Mapping[FlareLabel, str] = {FlareLabel(k): v for k, v in FLARE23.colours.items()}
TOTALSEGMENTATOR_TO_FLARE: Mapping[int, FlareLabel] = {
    number: FlareLabel(label)
    for number, label in class_numbers(FLARE23, "totalsegmentator").ids.items()
    if 0 < label < NUM_CLASSES
}


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

"""Label sets: the classes of a segmentation, their numbers in files, and their plausible volumes."""

from __future__ import annotations

from swinx.labels.class_colours import generated_colour
from swinx.labels.class_names import mirrored_name, name_words, side_of
from swinx.labels.class_numbers import ClassNumbers, LabelMapping, class_numbers, file_numbers
from swinx.labels.flare23 import FLARE23, FlareLabel
from swinx.labels.label_set import BACKGROUND, UNKNOWN, LabelClass, LabelSet
from swinx.labels.read_label_set import DEFAULT_LABEL_SET, known_label_sets, read_label_set
from swinx.labels.volume_ranges import PlausibleVolumes, plausible_volumes

__all__ = [
    "BACKGROUND",
    "DEFAULT_LABEL_SET",
    "FLARE23",
    "UNKNOWN",
    "ClassNumbers",
    "FlareLabel",
    "LabelClass",
    "LabelMapping",
    "LabelSet",
    "PlausibleVolumes",
    "class_numbers",
    "file_numbers",
    "generated_colour",
    "known_label_sets",
    "mirrored_name",
    "name_words",
    "plausible_volumes",
    "read_label_set",
    "side_of",
]

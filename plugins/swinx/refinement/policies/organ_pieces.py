"""Organs that are one piece, and those of which a body has several."""

from __future__ import annotations

from swinx.labels import LabelSet, name_words

__all__ = ["in_one_piece"]

_SEVERAL = frozenset(
    name_words(name)
    for names in (
        "adrenal gland, adrenal glands, kidney, kidneys, lung, lungs, ureter, ureters, hip, hips, femur, femurs",
        "bone, bones, rib, ribs, costal cartilages, vertebra, vertebrae, muscle, muscles",
        "lymph node, lymph nodes, vessel, vessels, artery, arteries, vein, veins, hepatic vessel, hepatic vessels",
    )
    for name in names.split(", ")
)
"""Names without a side that one class has for several organs."""


def in_one_piece(label_set: LabelSet) -> tuple[int, ...]:
    """Return the ids of the organs of a label set without those of which a body has several under the same name.

    Examples:
        >>> from swinx.labels import read_label_set
        >>> in_one_piece(read_label_set({"background": 0, "liver": 1, "kidneys": 2, "left lung": 3}))
        (1, 3)
    """
    return tuple(label for label in label_set.organs if name_words(label_set.names[label]) not in _SEVERAL)

"""The label set of FLARE-23, the default, and its class ids by name for what draws or reads data of the challenge.

Source of classes and tolerances: MICCAI FLARE 2023 challenge, https://codalab.lisn.upsaclay.fr/competitions/12239,
and its evaluation script.
"""

from __future__ import annotations

from enum import IntEnum

from swinx.labels.read_label_set import read_label_set

__all__ = ["FLARE23", "FlareLabel"]


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


FLARE23 = read_label_set("flare23")
"""The label set of FLARE-23, which is taken where nothing names another."""

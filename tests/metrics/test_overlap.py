"""dice and dice_per_class count voxels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from swinx.labels import FLARE23
from swinx.metrics import dice, dice_per_class


def test_all_classes_at_once_equal_each_class_by_itself():
    reference, prediction = np.random.default_rng(0).integers(0, 15, (2, 6, 7, 8), dtype=np.uint8)
    scores = dice_per_class(reference, prediction)
    assert tuple(scores) == FLARE23.names[1:]
    for label, score in enumerate(scores.values(), start=1):
        assert score == dice(reference == label, prediction == label)


def test_a_class_in_neither_map_is_undefined_and_in_one_is_zero():
    reference, prediction = np.zeros((2, 2, 2, 2), dtype=np.uint8)
    prediction[0] = 1
    scores = dice_per_class(reference, prediction)
    assert scores["liver"] == 0
    assert math.isnan(scores["spleen"])
    assert math.isnan(dice(reference == 3, prediction == 3))


def test_maps_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        dice_per_class(np.zeros((2, 2, 2), np.uint8), np.zeros((2, 2, 3), np.uint8))

"""Colours of FLARE-23: every class has a colour of its own that shows on a CT."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv, to_rgb

from swinx.figures import colour_table
from swinx.labels import FLARE23, FlareLabel, read_label_set


def test_every_class_but_the_background_has_a_colour():
    assert set(FLARE23.colours) == set(FlareLabel) - {FlareLabel.BACKGROUND}


def test_no_two_classes_look_alike():
    for a, b in combinations(FLARE23.colours, 2):
        distance = np.linalg.norm(np.subtract(to_rgb(FLARE23.colours[a]), to_rgb(FLARE23.colours[b])))
        assert distance > 0.2, FLARE23.listed([a, b])


@pytest.mark.parametrize("colour", FLARE23.colours.values())
def test_no_colour_is_near_grey_or_dark(colour):
    _, saturation, value = rgb_to_hsv(to_rgb(colour))
    assert saturation > 0.3
    assert value > 0.55


def test_the_table_is_indexed_by_class_id_and_the_background_is_transparent():
    table = colour_table(0.4)
    assert table.shape == (15, 4)
    assert table[0, 3] == 0
    for label, colour in FLARE23.colours.items():
        np.testing.assert_allclose(table[label], (*to_rgb(colour), 0.4), atol=1e-6)


@pytest.mark.parametrize("name", ["totalsegmentator", "amos"])
def test_the_table_of_any_label_set_has_a_row_for_each_class(name):
    label_set = read_label_set(name)
    table = colour_table(0.7, label_set)
    assert table.shape == (label_set.num_classes, 4)
    assert table[0].tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(table[1:, 3], 0.7)
    assert len(np.unique(table[1:], axis=0)) == len(label_set)

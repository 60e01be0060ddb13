"""CLASS_COLOURS: every class has a colour of its own that shows on a CT."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv, to_rgb

from swinx.figures import CLASS_COLOURS, colour_table
from swinx.labels import FlareLabel


def test_every_class_but_the_background_has_a_colour():
    assert set(CLASS_COLOURS) == set(FlareLabel) - {FlareLabel.BACKGROUND}


def test_no_two_classes_look_alike():
    for a, b in combinations(CLASS_COLOURS, 2):
        distance = np.linalg.norm(np.subtract(to_rgb(CLASS_COLOURS[a]), to_rgb(CLASS_COLOURS[b])))
        assert distance > 0.2, f"{a.name} and {b.name}"


@pytest.mark.parametrize("colour", CLASS_COLOURS.values())
def test_no_colour_is_near_grey_or_dark(colour):
    _, saturation, value = rgb_to_hsv(to_rgb(colour))
    assert saturation > 0.3
    assert value > 0.55


def test_the_table_is_indexed_by_class_id_and_the_background_is_transparent():
    table = colour_table(0.4)
    assert table.shape == (15, 4)
    assert table[0, 3] == 0
    for label, colour in CLASS_COLOURS.items():
        np.testing.assert_allclose(table[label], (*to_rgb(colour), 0.4), atol=1e-6)

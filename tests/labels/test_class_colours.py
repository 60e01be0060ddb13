"""Colours that are made up can be told apart."""

from __future__ import annotations

import re
from itertools import combinations, pairwise

import numpy as np
import pytest

from swinx.labels import generated_colour, known_label_sets, read_label_set

LEAST_AMONG_NEIGHBOURS = 25.0
"""Distance in CIE Lab; about 2 is just noticeable."""


def lab(colour: str) -> np.ndarray:
    """CIE Lab of #rrggbb under D65."""
    srgb = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    scaled = to_xyz @ linear / np.array([0.9505, 1.0, 1.089])
    root = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


@pytest.mark.parametrize("first", range(1, 254, 7))
def test_five_classes_in_a_row_differ_clearly(first):
    colours = [lab(generated_colour(label)) for label in range(first, first + 5)]
    assert min(np.linalg.norm(one - other) for one, other in combinations(colours, 2)) > LEAST_AMONG_NEIGHBOURS


def test_every_class_has_a_colour_that_stands_out_from_black():
    colours = [generated_colour(label) for label in range(1, 255)]
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)
    assert min(lab(colour)[0] for colour in colours) > 25
    assert colours == [generated_colour(label) for label in range(1, 255)]


@pytest.mark.parametrize("name", known_label_sets())
def test_neighbours_in_known_sets_differ_whoever_chose_their_colours(name):
    label_set = read_label_set(name)
    colours = [lab(colour) for colour in label_set.colours.values()]
    assert all(np.linalg.norm(one - other) > 20 for one, other in pairwise(colours))

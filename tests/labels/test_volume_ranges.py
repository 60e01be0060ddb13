"""Ranges of plausible volumes: those of the package, and those of a user's file."""

from __future__ import annotations

import json

import numpy as np
import pytest

from swinx.cohorts import make_phantom
from swinx.errors import DataListError
from swinx.labels import FLARE23, plausible_volumes, read_label_set
from swinx.refinement.policies.label_volumes import classes_at_border, volumes_ml

MEANS_ML = {"liver": 1560, "right kidney": 175, "left kidney": 175, "spleen": 209, "pancreas": 76}
"""Means of both sexes, Geraghty et al. 2004."""


def test_every_class_has_a_range_that_holds_the_mean_of_adults_with_room_on_both_sides():
    assert set(FLARE23.volumes_ml) == set(range(1, 15))
    for name, mean in MEANS_ML.items():
        low, high = FLARE23.volumes_ml[FLARE23.names.index(name)]
        assert low < mean / 2.5
        assert high > mean * 2.5


@pytest.mark.parametrize("seed", range(4))
def test_the_organs_of_phantoms_are_plausible(seed):
    phantom = make_phantom(np.random.default_rng(seed), 64, 5.0)
    volumes, border = volumes_ml(phantom.label, phantom.affine), classes_at_border(phantom.label)
    assert plausible_volumes().outside(volumes, border, range(1, 15)) == {}


def test_a_file_of_ones_own_replaces_the_ranges(tmp_path):
    (tmp_path / "ranges.json").write_text('{"liver": [1, 2.5]}')
    ranges = plausible_volumes(tmp_path / "ranges.json")
    assert ranges.outside({1: 3.0, 2: 1e6}, [], range(1, 15)) == {1: 3.0}


def test_ranges_follow_the_label_set_and_its_aliases(tmp_path):
    own = read_label_set({"background": 0, "heart": 3, "liver": 7, "thing": 8})
    assert own.volumes_ml == {2: (400, 4000)}
    (tmp_path / "ranges.json").write_text('{"Thing": [1, 2], "liver": [3, 4]}')
    assert plausible_volumes(tmp_path / "ranges.json", own).ranges_ml == {2: (3.0, 4.0), 3: (1.0, 2.0)}
    (tmp_path / "ranges.json").write_text('{"IVC": [1, 2]}')
    assert plausible_volumes(tmp_path / "ranges.json").ranges_ml == {6: (1.0, 2.0)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"uterus": [1, 2]}, "'uterus' is no class"),
        ({"background": [1, 2]}, "'background' is no class"),
        ({"ivc": [1, 2], "inferior vena cava": [1, 2]}, "inferior vena cava has two ranges"),
        ({"liver": [5, 1]}, r"liver has \[5, 1\]"),
        ({"liver": [-1, 1]}, "liver has"),
        ({"liver": [True, 1]}, "liver has"),
        ({"liver": 7}, "liver has 7"),
        ({"liver": ["1", "2"]}, "liver has"),
        ([1], "object"),
    ],
)
def test_what_is_no_range_is_named_with_the_file(tmp_path, content, message):
    (tmp_path / "ranges.json").write_text(json.dumps(content))
    with pytest.raises(DataListError, match=rf"ranges\.json: .*{message}.*least, largest"):
        plausible_volumes(tmp_path / "ranges.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataListError, match=r"ranges\.json: No such file"):
        plausible_volumes(tmp_path / "ranges.json")

"""Label sets survive a copy and the trip to another process, whatever was asked of them before."""

from __future__ import annotations

import copy
import pickle

import pytest

from swinx.labels import FLARE23, read_label_set


@pytest.mark.parametrize("made", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize("name", ["flare23", "totalsegmentator"])
def test_a_copy_is_equal_and_has_its_name(made, name):
    given = read_label_set(name)
    before = dict(given.colours), dict(given.tolerances_mm), given.find("liver")
    found = made(given)
    assert found == given
    assert found.name == name
    assert (dict(found.colours), dict(found.tolerances_mm), found.find("liver")) == before


def test_sets_with_other_classes_are_unequal():
    assert copy.deepcopy(read_label_set("amos")) != FLARE23

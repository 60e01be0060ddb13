"""Numbers in files become class ids and come back, and a map that cannot be meant is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from swinx.errors import LabelSetError
from swinx.labels import FLARE23, UNKNOWN, ClassNumbers, class_numbers, file_numbers, known_label_sets, read_label_set

GAPS = read_label_set({"background": 0, "left lung": 3, "right lung": 7, "nodule": 200})


@pytest.mark.parametrize("label_set", [*map(read_label_set, known_label_sets()), GAPS], ids=lambda each: each.name)
def test_ids_are_the_same_after_they_were_in_a_file(label_set):
    ids = np.array([*range(label_set.num_classes), UNKNOWN], dtype=np.uint8).reshape(1, 1, -1)
    stored = file_numbers(label_set, ids)
    assert stored.ravel().tolist() == [*label_set.values, UNKNOWN]
    np.testing.assert_array_equal(class_numbers(label_set).to_ids(stored), ids)


def test_a_label_map_that_needs_no_change_is_returned_itself():
    labels = np.zeros((2, 2, 2), dtype=np.uint8)
    assert file_numbers(FLARE23, labels) is labels
    assert class_numbers(FLARE23).to_ids(labels) is labels
    assert class_numbers(FLARE23).is_identity
    assert not class_numbers(GAPS).is_identity


def test_strange_numbers_are_those_that_mean_nothing():
    numbers = class_numbers(GAPS)
    assert numbers.strange(np.array([0, 1, 3, 7, 200, 255, 300])).tolist() == [1, 300]


def test_a_map_takes_names_numbers_and_what_is_unknown():
    numbers = class_numbers(GAPS, {"1": "Right Lung", 2: 200, "1000": "left lung", 4: "unknown", 5: 255, 6: 0})
    stored = np.array([[0, 1, 2, 1000, 4, 5, 6, 255]], dtype=np.uint16)
    assert numbers.to_ids(stored).tolist() == [[0, 2, 3, 1, 255, 255, 0, 255]]
    assert numbers.to_ids(stored).dtype == np.uint8


def test_a_label_set_that_the_files_follow_is_matched_by_name_and_alias():
    numbers = class_numbers(FLARE23, "amos")
    amos = read_label_set("amos")
    by_name = {amos.names[number]: FLARE23.names[label] for number, label in numbers.ids.items() if 0 < label < UNKNOWN}
    assert all(name == own for name, own in by_name.items())
    assert set(amos.names[1:]) - set(by_name) == {"urinary bladder", "prostate or uterus"}


def test_flare_is_another_name_of_flare_23():
    assert class_numbers(FLARE23, "flare") == class_numbers(FLARE23, "flare23") == class_numbers(FLARE23)


def test_a_file_that_changed_is_read_again(tmp_path):
    path = tmp_path / "other.json"
    for number in (1, 2):
        path.write_text(json.dumps({"background": 0, "nodule": number}))
        assert class_numbers(GAPS, str(path)).ids == {0: 0, UNKNOWN: UNKNOWN, number: 3}


def test_several_numbers_may_mean_one_class_only_where_that_is_allowed():
    lobes = {10: "left lung", 11: "left lung", 12: "right lung"}
    with pytest.raises(LabelSetError, match=r"^label_map: numbers 10 and 11 are both mapped to left lung; .*$"):
        class_numbers(GAPS, lobes)
    numbers = class_numbers(GAPS, lobes, several=True)
    assert numbers.to_ids(np.array([10, 11, 12, 0])).tolist() == [1, 1, 2, 0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"liver": 1}, "'liver' stands where a number"),
        ({-1: "nodule"}, "'-1' stands where a number"),
        ({1 << 16: "nodule"}, "'65536' stands where a number"),
        ({1: "heart"}, "'heart' is no class"),
        ({1: 1}, "1 is no class"),
        ({1: None}, "None is no class"),
        ({0: "nodule"}, "number 0 is mapped to nodule"),
        ({1: 0}, "nothing would be left"),
        ({}, "nothing would be left"),
        ("btcv", "nothing would be left"),
        ("nobody", "no label map 'nobody'"),
    ],
)
def test_a_map_that_cannot_be_meant_is_refused_in_one_line(given, message):
    with pytest.raises(LabelSetError, match=rf"^list\.json: .*{message}.*$"):
        class_numbers(GAPS, given, "list.json")


def test_a_table_may_be_made_by_hand():
    assert ClassNumbers({0: 0, 9: 1}).to_ids(np.array([9, 0])).tolist() == [1, 0]

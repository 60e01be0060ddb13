"""A list without validation cases: some are held out, always the same, and written down."""

from __future__ import annotations

import json

import pytest

from swinx.data import load_data_list, load_labelled
from swinx.data.lists.held_out import hold_out
from swinx.errors import DataListError


def a_list(folder, cases, **sections):
    for case in cases:
        (folder / f"{case}.nii.gz").touch()
    entries = [{"case": case, "image": f"{case}.nii.gz", "label": f"{case}.nii.gz", "annotated": [1]} for case in cases]
    path = folder / "datalist.json"
    path.write_text(json.dumps({"training": entries, **sections}))
    return path


def both(path, out):
    return [[item["case"] for item in load_labelled(path, section, out)] for section in ("training", "validation")]


def test_the_two_parts_are_all_cases_and_share_none(tmp_path):
    cases = [f"c{number}" for number in range(12)]
    training, validation = both(a_list(tmp_path, cases), tmp_path / "out" / "datalist.json")
    assert sorted(training + validation) == sorted(cases)
    assert len(validation) == 2


def test_what_was_decided_is_a_data_list_that_others_can_use(tmp_path):
    (tmp_path / "data").mkdir()
    out = tmp_path / "out" / "datalist.json"
    training, validation = both(a_list(tmp_path / "data", "abcdefgh"), out)
    assert [item["case"] for item in load_data_list(out, "validation", need_label=True)] == validation
    assert [item["case"] for item in load_data_list(out, "training", need_label=True)] == training
    assert load_data_list(out, "validation")[0]["annotated"] == [1]


def test_cases_that_are_added_later_are_trained_on_and_the_held_out_ones_stay(tmp_path):
    out = tmp_path / "out" / "datalist.json"
    _, before = both(a_list(tmp_path, "abcdefgh"), out)
    training, after = both(a_list(tmp_path, "abcdefghijklmnop"), out)
    assert after == before
    assert set("ijklmnop") <= set(training)


def test_a_list_that_names_its_validation_cases_is_taken_as_it_is(tmp_path):
    entry = {"case": "v", "image": "a.nii.gz", "label": "a.nii.gz"}
    path = a_list(tmp_path, "abc", validation=[entry])
    assert both(path, tmp_path / "none.json") == [["a", "b", "c"], ["v"]]
    assert not (tmp_path / "none.json").exists()


def test_one_case_is_trained_on(tmp_path):
    assert both(a_list(tmp_path, "a"), tmp_path / "out.json") == [["a"], []]


def test_cases_of_one_patient_stay_together():
    items = [{"case": f"{patient}{visit}", "patient": patient} for patient in "abcde" for visit in range(3)]
    chosen = hold_out(items)
    assert len(chosen) == 3
    assert len({case[0] for case in chosen}) == 1


def test_another_file_in_its_place_is_not_overwritten(tmp_path):
    (tmp_path / "out.json").write_text("[]")
    with pytest.raises(DataListError, match="is no split of a data list"):
        load_labelled(a_list(tmp_path, "abc"), "training", tmp_path / "out.json")


@pytest.mark.parametrize("key", ["patient", "group"])
def test_variants_of_one_patient_are_held_out_together_whatever_the_key_is_called(key):
    items = [{"case": f"{patient}_{variant}", key: patient} for patient in "abcde" for variant in range(3)]
    chosen = hold_out(items)
    assert len(chosen) == 3
    assert len({case.split("_")[0] for case in chosen}) == 1

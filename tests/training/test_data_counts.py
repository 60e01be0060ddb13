"""Counts of the cases of a training: annotated by people, labelled by a network, and taken as absent."""

from __future__ import annotations

from swinx.labels import read_label_set
from swinx.training import data_counts, take_as_absent

OWN = read_label_set({"background": 0, "left part": 3, "right part": 7, "spot": 9})


def case(**facts):
    return {"case": "anna", "image": "anna.nii.gz", "label": "anna_label.nii.gz", **facts}


def test_only_what_people_annotated_counts_as_annotated():
    cases = [case(annotated=[1, 2], pseudo=[2]), case(annotated=[1, 3]), case(annotated=[1])]
    told = data_counts(OWN, training=cases, validation=[case()], testing=[])
    assert told == {
        "training": {
            "cases": 3,
            "annotated": {"left part": 3, "right part": 0, "spot": 1},
            "pseudo": {"right part": 1},
        },
        "validation": {"cases": 1, "annotated": {"left part": 1, "right part": 1, "spot": 1}},
    }


def test_a_class_that_is_taken_as_absent_is_annotated_nowhere():
    cases = take_as_absent([case(annotated=[1]), case(annotated=[1, 2])], OWN)
    assert cases[0]["annotated"] == [1, 3]
    assert data_counts(OWN, training=cases)["training"]["annotated"] == {"left part": 2, "right part": 1, "spot": 0}


def test_cases_without_a_label_are_no_training_data_with_labels():
    assert data_counts(OWN, training=[{"case": "generated_0001"}]) == {}


def test_no_name_of_a_case_or_a_file_is_told():
    assert "anna" not in str(data_counts(OWN, training=[case(annotated=[1])]))

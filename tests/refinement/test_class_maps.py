"""Classes of other tools: by name whatever the spelling, never by a guess, for any label set."""

from __future__ import annotations

import json

import pytest

from swinx.errors import TeacherError
from swinx.labels import FLARE23, class_numbers, read_label_set
from swinx.refinement.teachers.class_maps import map_classes, predicted_classes, read_class_map

LUNGS = read_label_set(
    {"labels": {"background": 0, "left lung": 1, "right lung": 5, "nodule": 9}, "classes": {"nodule": {"inside": []}}}
)
"""Three own classes, with gaps in their numbers: ids 1, 2 and 3."""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Liver", "liver"),
        ("kidney_right", "right kidney"),
        ("left-kidney", "left kidney"),
        ("Gall Bladder", "gallbladder"),
        ("adrenal_gland_left", "left adrenal gland"),
        ("RAG", "right adrenal gland"),
        ("IVC", "inferior vena cava"),
        ("Oesophagus", "esophagus"),
        ("tumour", "tumor"),
    ],
)
def test_a_class_is_known_by_the_names_that_data_sets_give_it(name, expected):
    assert map_classes({1: name}, None, FLARE23, "d.json") == {0: 0, 1: FLARE23.names.index(expected)}


@pytest.mark.parametrize("name", ["kidney", "colon", "liver tumor", "portal vein and splenic vein", "", "2"])
def test_a_name_that_means_no_single_class_is_not_guessed(name):
    with pytest.raises(TeacherError, match=r"d\.json: class 1 is called '.*', which is no class of the label set"):
        map_classes({1: name}, None, FLARE23, "d.json")


@pytest.mark.parametrize("label_set", [FLARE23, LUNGS, read_label_set("totalsegmentator")], ids=lambda each: each.name)
def test_own_names_keep_their_ids(label_set):
    names = dict(enumerate(label_set.names))
    ids = map_classes(names, None, label_set, "d.json")
    assert ids == {label: label for label in names}
    assert predicted_classes(ids) == tuple(label_set.foreground)


def test_names_decide_whatever_the_numbers_are():
    assert map_classes({0: "background", 1: "spleen", 2: "liver"}, None, FLARE23, "d.json") == {0: 0, 1: 3, 2: 1}
    assert map_classes({3: "Lung, Right", 4: "nodule"}, None, LUNGS, "d.json") == {0: 0, 3: 2, 4: 3}


def test_a_class_that_is_called_by_its_number_is_the_one_of_that_number_in_files():
    assert map_classes({0: "background", 3: "3", 13: "13"}, None, FLARE23, "d.json") == {0: 0, 3: 3, 13: 13}
    assert map_classes({1: "1", 5: "5", 9: "9"}, None, LUNGS, "d.json") == {0: 0, 1: 1, 5: 2, 9: 3}


def test_a_number_as_name_of_another_id_is_refused():
    with pytest.raises(TeacherError, match=r"d\.json: class 3 is called '4', which is no class of the label set"):
        map_classes({3: "4"}, None, FLARE23, "d.json")


def test_a_given_map_takes_ids_names_and_numbers_in_text():
    names = {0: "background", 1: "organ a", 2: "organ b", 3: "organ c"}
    given = {1: "left kidney", "Organ_B": 14, "3": 0}
    assert map_classes(names, given, FLARE23, "d.json") == {0: 0, 1: 13, 2: 14, 3: 0}
    assert map_classes(names, {1: 5, 2: "nodule", 3: 0}, LUNGS, "d.json") == {0: 0, 1: 2, 2: 3, 3: 0}


def test_several_classes_of_a_teacher_may_be_one():
    names = {1: "upper lobe", 2: "lower lobe", 3: "trachea"}
    given = {1: "left lung", 2: "left lung", 3: 0}
    assert map_classes(names, given, LUNGS, "d.json") == {0: 0, 1: 1, 2: 1, 3: 0}
    assert read_class_map({10: 1, 11: 1}, LUNGS, "folder") == {0: 0, 10: 1, 11: 1}


def test_what_a_teacher_does_not_know_may_be_said():
    ids = read_class_map({1: "liver", 2: "unknown"}, FLARE23, "folder")
    assert (ids, predicted_classes(ids)) == ({0: 0, 1: 1, 2: 255}, (1,))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({1: "liver"}, r"the label map lacks \{2: 'b'\}"),
        ({1: "liver", 2: 0, 7: 1}, "names 7, which the model does not have"),
        ({"a": "liver", "c": 1}, "names 'c', which the model does not have"),
        ({1: "heart", 2: 0}, "'heart' is no class of the label set"),
        ({1: 15, 2: 0}, "15 is no class of the label set"),
        ({1: -1, 2: 0}, "-1 is no class of the label set"),
        ({1: True, 2: 0}, "True is no class of the label set"),
        ({1: 0, 2: 0}, "no number is mapped to a class of the label set flare23"),
        ({0: 3, 1: 1, 2: 0}, "number 0 is mapped to spleen"),
    ],
)
def test_a_given_map_that_cannot_be_meant_is_refused_in_one_line(given, message):
    with pytest.raises(TeacherError, match=rf"^d\.json: .*{message}.*$"):
        map_classes({0: "background", 1: "a", 2: "b"}, given, FLARE23, "d.json")


def test_totalsegmentators_other_classes_are_background_and_its_organs_are_not():
    ids = read_class_map("totalsegmentator", FLARE23, "folder")
    assert sorted(label for label in ids.values() if label) == list(FLARE23.organs)
    assert set(ids) == set(range(118))
    assert (ids[1], ids[2], ids[5], ids[90]) == (3, 2, 1, 0)


def test_a_named_map_that_reaches_no_class_is_refused():
    with pytest.raises(TeacherError, match="folder: no number is mapped to a class of the label set"):
        read_class_map("btcv", LUNGS, "folder")


def test_an_unknown_map_is_refused_with_those_that_are_known():
    with pytest.raises(TeacherError, match=r"folder: no label map 'nobody'; give .* amos, .* totalsegmentator"):
        read_class_map("nobody", FLARE23, "folder")


def test_a_file_of_a_label_set_is_a_map_as_well(tmp_path):
    (tmp_path / "other.json").write_text(json.dumps({"background": 0, "nodule": 4, "heart": 7}))
    assert read_class_map(str(tmp_path / "other.json"), LUNGS, "folder") == {0: 0, 4: 3, 7: 0}


def test_a_folder_has_no_names_to_map_by():
    with pytest.raises(TeacherError, match="folder: 'liver' stands where a number of the label files is needed"):
        read_class_map({"liver": 1}, FLARE23, "folder")


def test_a_named_map_serves_a_model_as_well():
    names = {0: "background", 1: "spleen", 2: "kidney_right", 10: "lung_upper_lobe_left"}
    assert map_classes(names, "totalsegmentator", FLARE23, "model") == {0: 0, 1: 3, 2: 2, 10: 0}
    assert read_class_map("flare", FLARE23, "folder") == read_class_map("flare23", FLARE23, "folder")
    with pytest.raises(TeacherError, match="no label map 'nobody'"):
        map_classes(names, "nobody", FLARE23, "model")


def test_the_numbers_of_a_label_set_are_those_of_its_files():
    assert read_class_map(None, LUNGS, "folder") == {0: 0, 1: 1, 5: 2, 9: 3}
    assert 255 in class_numbers(LUNGS).ids, "which a teacher does not say unless it is told to"

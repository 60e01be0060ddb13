"""Classes of other tools: by name whatever the spelling, never by a guess."""

from __future__ import annotations

import pytest

from swinx.errors import TeacherError
from swinx.labels import CLASS_NAMES, TOTALSEGMENTATOR_TO_FLARE, FlareLabel
from swinx.refinement.teachers.class_maps import flare_id, known_class_map, map_classes, read_class_map


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Liver", FlareLabel.LIVER),
        ("kidney_right", FlareLabel.RIGHT_KIDNEY),
        ("left-kidney", FlareLabel.LEFT_KIDNEY),
        ("Gall Bladder", FlareLabel.GALLBLADDER),
        ("adrenal_gland_left", FlareLabel.LEFT_ADRENAL_GLAND),
        ("RAG", FlareLabel.RIGHT_ADRENAL_GLAND),
        ("IVC", FlareLabel.INFERIOR_VENA_CAVA),
        ("Oesophagus", FlareLabel.ESOPHAGUS),
        ("tumour", FlareLabel.TUMOR),
    ],
)
def test_a_class_is_known_by_the_names_that_data_sets_give_it(name, expected):
    assert flare_id(name) == expected


@pytest.mark.parametrize("name", ["kidney", "colon", "liver tumor", "portal vein and splenic vein", "", "2"])
def test_a_name_that_means_no_single_class_is_not_guessed(name):
    assert flare_id(name) is None


def test_names_decide_whatever_the_numbers_are():
    assert map_classes({0: "background", 1: "spleen", 2: "liver"}, None, "d.json") == {0: 0, 1: 3, 2: 1}


def test_flares_own_names_keep_their_ids():
    assert map_classes(dict(enumerate(CLASS_NAMES)), None, "d.json") == {index: index for index in range(15)}


def test_a_class_that_is_called_by_its_number_has_flares_meaning():
    assert map_classes({0: "background", 3: "3", 13: "13"}, None, "d.json") == {0: 0, 3: 3, 13: 13}


def test_a_number_as_name_of_another_id_is_refused():
    with pytest.raises(TeacherError, match=r"d\.json: class 3 is called '4', which is no FLARE class"):
        map_classes({3: "4"}, None, "d.json")


def test_a_given_map_takes_ids_names_and_numbers_in_text():
    names = {0: "background", 1: "organ a", 2: "organ b", 3: "organ c"}
    given = {1: "left kidney", "organ b": 14, "3": 0}
    assert map_classes(names, given, "d.json") == {0: 0, 1: 13, 2: 14, 3: 0}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({1: "liver"}, r"the label map lacks \{2: 'b'\}"),
        ({1: "liver", 2: 0, 7: 1}, "names 7, which the model does not have"),
        ({"a": "liver", "c": 1}, "names 'c', which the model does not have"),
        ({1: "heart", 2: 0}, "'heart' where a FLARE class is needed"),
        ({1: 15, 2: 0}, "15 where a FLARE class is needed"),
        ({1: -1, 2: 0}, "-1 where a FLARE class is needed"),
        ({1: 0, 2: 0}, "leaves no class but background"),
        ({0: 3, 1: 1, 2: 0}, "makes background class 3"),
    ],
)
def test_a_given_map_that_cannot_be_meant_is_refused(given, message):
    with pytest.raises(TeacherError, match=message):
        map_classes({0: "background", 1: "a", 2: "b"}, given, "d.json")


def test_totalsegmentators_other_classes_are_background_and_its_organs_are_not():
    ids = known_class_map("totalsegmentator", "folder")
    assert {old: new for old, new in ids.items() if new} == dict(TOTALSEGMENTATOR_TO_FLARE)
    assert 118 not in ids


def test_an_unknown_map_is_refused_with_those_that_are_known():
    with pytest.raises(TeacherError, match="no label map 'amos'; choose 'flare', 'totalsegmentator'"):
        known_class_map("amos", "folder")


def test_a_folder_has_no_names_to_map_by():
    with pytest.raises(TeacherError, match="'liver' where an id of the predictions is needed"):
        read_class_map({"liver": 1}, "folder")


def test_a_named_map_serves_a_model_as_well():
    names = {0: "background", 1: "spleen", 2: "kidney_right", 10: "lung_upper_lobe_left"}
    assert map_classes(names, "totalsegmentator", "model") == {0: 0, 1: 3, 2: 2, 10: 0}
    assert read_class_map("flare", "folder")[14] == 14
    with pytest.raises(TeacherError, match="no label map 'nobody'"):
        map_classes(names, "nobody", "model")

"""One label set, however it is written; and one line of advice for what is none."""

from __future__ import annotations

import json

import pytest
from monai.bundle import ConfigParser

from swinx.errors import LabelSetError
from swinx.labels import DEFAULT_LABEL_SET, FLARE23, known_label_sets, read_label_set

SHORT = {"background": 0, "liver": 1, "left kidney": 2, "right kidney": 5}


@pytest.mark.parametrize("name", known_label_sets())
def test_every_known_set_can_be_read_by_its_name_and_is_read_once(name):
    assert read_label_set(name) is read_label_set(name)
    assert read_label_set(name).name == name


def test_numbers_of_known_sets_are_those_of_their_challenges():
    counts = {name: len(read_label_set(name)) for name in known_label_sets()}
    assert counts == {
        "amos": 15,
        "btcv": 13,
        "flare21": 4,
        "flare22": 13,
        "flare23": 14,
        "flare_lesion": 1,
        "totalsegmentator": 117,
    }
    assert read_label_set("totalsegmentator").names[117] == "costal_cartilages"
    assert read_label_set("amos").names[10] == "pancreas"
    assert read_label_set("btcv").names[10] == "portal vein and splenic vein"


def test_without_a_name_it_is_the_set_of_flare_23():
    assert read_label_set() is FLARE23 is read_label_set(DEFAULT_LABEL_SET) is read_label_set(FLARE23)


def test_short_long_and_turned_forms_are_one_set_in_any_order(tmp_path):
    turned = {str(number): name for name, number in SHORT.items()}
    shuffled = dict(reversed(SHORT.items()))
    (tmp_path / "mine.json").write_text(json.dumps({"labels": SHORT, "description": "Mine"}))
    forms = [SHORT, {"labels": SHORT}, {"name": "x", "labels": turned, "classes": {}}, turned, shuffled]
    found = [read_label_set(form) for form in forms] + [read_label_set(tmp_path / "mine.json")]
    assert all(each == found[0] for each in found)
    assert (found[0].values, found[0].names[3], found[-1].name) == ((0, 1, 2, 5), "right kidney", "mine")


def test_what_is_known_of_structures_comes_by_name_and_what_is_given_outranks_it():
    given = {"labels": {"background": 0, "LIVER": 1, "thing": 2}, "classes": {"LIVER": {"volume_ml": None}}}
    label_set = read_label_set(given)
    assert (label_set[1].colour, label_set[1].volume_ml) == (FLARE23[1].colour, None)
    assert (label_set[2].code, label_set[2].volume_ml, label_set[2].tolerance_mm) == (None, None, 2.0)


def test_a_structure_is_found_by_all_its_names_whichever_the_set_uses():
    label_set = read_label_set({"background": 0, "Oesophagus": 1, "postcava": 2})
    assert [label_set.find(name) for name in ("esophagus", "oesophagus")] == [1, 1]
    assert [label_set.find(name) for name in ("inferior vena cava", "IVC", "postcava")] == [2, 2, 2]
    assert label_set[1].volume_ml == FLARE23[10].volume_ml


def test_nnunets_ignored_class_is_none():
    assert read_label_set(SHORT | {"ignore": 6}) == read_label_set(SHORT)


def test_a_partner_may_be_taken_away():
    given = {"labels": SHORT, "classes": {name: {"mirror": None} for name in ("left kidney", "right kidney")}}
    assert read_label_set(given).pairs == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"liver": 0}, "number 0 must be the class background"),
        ({"background": 1, "liver": 2}, "number 0 must be the class background"),
        ({}, "no class but background"),
        ({"background": 0, "": 1}, "is no name of a class"),
        ({"background": 0, "...": 1}, "is no name of a class"),
        ({"background": 0, "a\nb": 1}, "is no name of a class"),
        ({"background": 0, "a" * 65: 1}, "is no name of a class"),
        ({"background": 0, "liver": -1}, "has the number -1"),
        ({"background": 0, "liver": True}, "has the number True"),
        ({"background": 0, "liver": 1.5}, "has the number 1.5"),
        ({"background": 0, "liver": 255}, "255 is unknown"),
        ({"labels": SHORT, "classes": []}, "classes has"),
        ({"labels": SHORT, "classes": {"liver": {"colour": "red"}}}, "has colour 'red'; give #rrggbb"),
        ({"labels": SHORT, "classes": {"liver": {"volume_ml": [2, 1]}}}, "has volume_ml"),
        ({"labels": SHORT, "classes": {"liver": {"volume_ml": [float("nan"), 1]}}}, "has volume_ml"),
        ({"labels": SHORT, "classes": {"liver": {"inside": "spleen"}}}, "has inside 'spleen'; give a list"),
        ({"labels": SHORT, "classes": {"liver": {"inside": ["liver"]}}}, "refers to 'liver'"),
        ({"labels": SHORT, "classes": {"liver": {"mirror": "left kidney"}}}, "mirror of liver is left kidney"),
        ({"labels": SHORT, "classes": {"liver": 7}}, "unknown entry 7"),
        ({"labels": SHORT, "classes": {"liver": {"aliases": ["$exit()"]}}}, "has aliases .*; give a list of names"),
        ({"background": 0, "Liver": 1, "liver": 2}, "have one name; case, order of words and Unicode form"),
        ({"background": 0, "ni\u00e8re": 1, "nie\u0300re": 2}, "have one name; case, order of words and Unicode form"),
        ({"0": "background", "1": "ni\u00e8re", "2": "nie\u0300re"}, "have one name"),
        ({"background": 0, "\uff4civer": 1, "liver": 2}, "have one name"),
        ({"background": 0, "unknown": 1}, "'unknown' cannot name a class, since it means voxels without annotation"),
        ({"background": 0, "255": 1, "liver": 2}, "'255' cannot name a class, since it means a number in label files"),
        ({"background": 0, "1 2": 1}, "cannot name a class"),
        ({"labels": SHORT, "classes": {"liver": {"aliases": ["7"]}}}, "'7' cannot name a class"),
        (
            {"labels": SHORT, "classes": {"liver": {"inside": ["left kidney"]}, "left kidney": {"inside": ["liver"]}}},
            "liver and left kidney lie inside each other",
        ),
    ],
)
def test_what_is_no_label_set_is_refused_in_one_line(given, message):
    with pytest.raises(LabelSetError, match=rf"^mine: .*{message}.*$"):
        read_label_set(given, "mine")


def test_a_file_is_named_and_one_that_is_no_json_says_so(tmp_path):
    (tmp_path / "mine.json").write_text('{"background": 0, "liver": [1]}')
    with pytest.raises(LabelSetError, match=r"mine\.json: class 'liver' has the number"):
        read_label_set(tmp_path / "mine.json")
    (tmp_path / "mine.json").write_text("{")
    with pytest.raises(LabelSetError, match=r"mine\.json"):
        read_label_set(tmp_path / "mine.json")
    with pytest.raises(LabelSetError, match=r"--labels: no such file 'nowhere\.json'"):
        read_label_set("nowhere.json", "--labels")
    with pytest.raises(LabelSetError, match=r"labels: no label set 'nowhere'; give one of amos, btcv"):
        read_label_set("nowhere")


def test_partners_and_hosts_are_found_however_their_names_are_written():
    classes = {"cancer": {"inside": ["LIVER"]}, "Kidney_left": {"mirror": "Right Kidney"}}
    classes |= {"kidney_right": {"mirror": "LEFT kidney"}}
    labels = {"background": 0, "liver": 1, "cancer": 2, "Kidney_left": 3, "kidney_right": 4}
    label_set = read_label_set({"labels": labels, "classes": classes})
    assert (label_set.hosts(2), label_set.pairs) == ((1,), ((4, 3),))


def test_a_lesion_may_lie_in_a_lesion_that_lies_in_an_organ():
    classes = {"necrosis": {"inside": ["cancer"]}, "cancer": {"inside": ["liver"]}}
    label_set = read_label_set({"labels": {"liver": 1, "cancer": 2, "necrosis": 3}, "classes": classes})
    assert (label_set.hosts(2), label_set.hosts(3)) == ((1,), (2,))


def test_one_name_in_two_unicode_forms_is_one_class_in_every_system():
    composed, apart = (read_label_set({"background": 0, name: 1}) for name in ("ni\u00e8re", "nie\u0300re"))
    assert composed == apart
    assert apart.find("NI\u00c8RE") == apart.find("NIE\u0300RE") == 1


def test_a_set_without_a_name_is_called_by_its_classes():
    assert read_label_set(SHORT).title == "of liver, left kidney, right kidney"
    assert read_label_set("btcv").title == "btcv"
    assert (
        "".join(read_label_set({str(n): f"rib {n}" for n in range(1, 9)}).title)
        == "of 8 classes (rib 1, rib 2, rib 3 ...)"
    )


def test_a_label_set_in_a_configuration_of_monai_keeps_its_colours():
    labels = {"labels": {"background": 0, "part": 1}, "classes": {"part": {"colour": "#12AbEf"}}}
    imports = ["$from swinx.labels import read_label_set"]
    parser = ConfigParser({"imports": imports, "labels": labels, "set": "$read_label_set(@labels)"})
    assert parser.get_parsed_content("set").colours[1] == "#12abef"

"""A label set answers by name and by number alike, and its parts fit together."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from swinx.errors import LabelSetError
from swinx.labels import FLARE23, known_label_sets, name_words, read_label_set, side_of

LUNGS = read_label_set(
    {
        "name": "lungs",
        "labels": {"background": 0, "left lung lobe": 1, "right lung lobe": 4, "nodule": 7},
        "classes": {
            "nodule": {"inside": ["left lung lobe", "right lung lobe"], "aliases": ["mass"], "volume_ml": [0, 900]},
            "left lung lobe": {"tolerance_mm": 4.5, "colour": "#102030", "code": ["1", "Lobe"]},
        },
    }
)
"""Three own classes with gaps in their numbers, one of them a lesion."""

SETS = [*map(read_label_set, known_label_sets()), LUNGS]
EVERY_SET = pytest.mark.parametrize("label_set", SETS, ids=lambda each: each.name)


@EVERY_SET
def test_a_set_is_the_same_after_it_was_json(label_set):
    again = read_label_set(json.loads(json.dumps(label_set.as_json())))
    assert again == label_set
    assert again.name == label_set.name
    assert (again.colours, again.tolerances_mm, again.volumes_ml) == (
        label_set.colours,
        label_set.tolerances_mm,
        label_set.volumes_ml,
    )


@EVERY_SET
def test_a_set_survives_a_copy_and_the_trip_to_another_process_after_use(label_set):
    assert label_set.colours
    assert pickle.loads(pickle.dumps(label_set)) == label_set == copy.deepcopy(label_set)


@EVERY_SET
def test_ids_are_consecutive_and_every_name_alias_and_number_leads_to_its_own(label_set):
    assert list(label_set.foreground) == list(range(1, len(label_set) + 1))
    assert (label_set.names[0], label_set.values[0]) == ("background", 0)
    for label in label_set.foreground:
        each = label_set[label]
        for name in (each.name, each.name.upper(), "_".join(reversed(each.name.split())), *each.aliases):
            assert label_set.find(name) == label
        assert label_set.id_of(each.value, "test") == label_set.id_of(str(each.value), "test") == label


@EVERY_SET
def test_organs_and_lesions_share_the_classes_and_lesions_have_hosts_among_the_others(label_set):
    assert sorted((*label_set.organs, *label_set.lesions)) == list(label_set.foreground)
    for lesion in label_set.lesions:
        assert lesion not in label_set.hosts(lesion)
        assert set(label_set.hosts(lesion)) <= set(label_set.foreground)
        assert label_set.hosts(lesion) or not label_set.organs


@EVERY_SET
def test_partners_are_mutual_and_every_class_with_a_partner_is_in_one_pair(label_set):
    paired = [label for pair in label_set.pairs for label in pair]
    assert sorted(paired) == sorted(label for label in label_set.foreground if label_set[label].mirror)
    for right, left in label_set.pairs:
        assert (label_set[right].mirror, label_set[left].mirror) == (label_set.names[left], label_set.names[right])
        assert (side_of(label_set.names[right]), side_of(label_set.names[left])) == ("right", "left")


@EVERY_SET
def test_no_alias_is_a_name_of_two_classes(label_set):
    owners = {}
    for each in label_set.classes:
        for name in (each.name, *each.aliases):
            assert owners.setdefault(name_words(name), each.name) == each.name


@EVERY_SET
def test_plausible_volumes_leave_room_on_both_sides(label_set):
    assert all(0 <= low < high for low, high in label_set.volumes_ml.values())


def test_what_is_given_of_a_class_is_kept_and_the_rest_is_known_or_made_up():
    left, right, nodule = LUNGS.classes
    assert (left.tolerance_mm, left.colour, left.code, left.is_lesion) == (4.5, "#102030", ("1", "Lobe"), False)
    assert (right.tolerance_mm, nodule.tolerance_mm, nodule.volume_ml) == (2.0, 2.0, (0, 900))
    assert (LUNGS.pairs, LUNGS.lesions, LUNGS.hosts(3), LUNGS.has_gaps) == (((2, 1),), (3,), (1, 2), True)
    assert FLARE23[1].code == ("10200004", "Liver")


def test_a_set_without_lesions_or_pairs_has_none():
    plain = read_label_set({"background": 0, "liver": 1, "spleen": 2})
    assert (plain.lesions, plain.pairs, plain.organs, plain.has_gaps) == ((), (), (1, 2), False)


def test_pairs_without_sides_in_their_names_may_be_given():
    classes = {"eye A": {"mirror": "eye B"}, "eye B": {"mirror": "eye A"}}
    given = read_label_set({"labels": {"background": 0, "eye A": 1, "eye B": 2}, "classes": classes})
    assert given.pairs == ((1, 2),)


def test_ids_of_names_and_numbers_are_sorted_and_each_there_once():
    assert LUNGS.ids_of(["Nodule", 1, "mass", "4"], "classes") == [1, 2, 3]
    assert LUNGS.listed([3, 1]) == "nodule, left lung lobe"


@pytest.mark.parametrize("given", ["liver", 2, "2", -1, True, 1.0, None, ["nodule"], "a\nb"])
def test_what_is_no_class_is_refused_in_one_line_with_what_there_is(given):
    with pytest.raises(LabelSetError, match=r"^classes: .* is no class of the label set; .*nodule.*$"):
        LUNGS.id_of(given, "classes")


def test_a_name_that_is_nearly_one_is_guessed_for_the_user_only():
    with pytest.raises(LabelSetError, match="did you mean spleen"):
        FLARE23.id_of("spleeen", "classes")
    assert FLARE23.find("spleeen") is None


@pytest.mark.parametrize("label", [0, 4, -1])
def test_an_id_that_is_no_class_has_no_facts(label):
    with pytest.raises(IndexError, match=str(label)):
        LUNGS[label]


def test_sets_are_compared_by_their_classes_and_not_by_their_name():
    renamed = LUNGS.as_json() | {"name": "other"}
    assert read_label_set(renamed) == LUNGS
    recoloured = read_label_set({"background": 0, "Lobe Lung Left": 1, "right_lung_lobe": 2, "nodule": 3})
    assert recoloured != LUNGS
    assert recoloured.same_classes(LUNGS)
    assert not recoloured.same_classes(FLARE23)

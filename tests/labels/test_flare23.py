"""The label set of FLARE-23: complete, in order, as the challenge has it."""

from __future__ import annotations

import pytest

from swinx.labels import FLARE23, FlareLabel, class_numbers, read_label_set


def test_ids_are_consecutive_from_background_to_tumor():
    assert [int(label) for label in FlareLabel] == list(FLARE23.values) == list(range(15))
    assert (FlareLabel(0), FlareLabel(14)) == (FlareLabel.BACKGROUND, FlareLabel.TUMOR)
    assert not FLARE23.has_gaps


def test_names_are_those_of_the_challenge_in_class_order():
    assert FLARE23.names == (
        "background", "liver", "right kidney", "spleen", "pancreas", "aorta", "inferior vena cava",
        "right adrenal gland", "left adrenal gland", "gallbladder", "esophagus", "stomach", "duodenum",
        "left kidney", "tumor",
    )  # fmt: skip
    assert [label.name.lower().replace("_", " ") for label in FlareLabel] == list(FLARE23.names)


def test_organs_are_all_classes_but_background_and_tumor():
    assert set(FlareLabel) - set(FLARE23.organs) == {FlareLabel.BACKGROUND, FlareLabel.TUMOR}
    assert FLARE23.lesions == (FlareLabel.TUMOR,)


def test_tumors_lie_in_all_organs_but_the_two_vessels():
    vessels = {FlareLabel.AORTA, FlareLabel.INFERIOR_VENA_CAVA}
    assert set(FLARE23.hosts(FlareLabel.TUMOR)) == set(FLARE23.organs) - vessels


def test_every_foreground_class_and_no_other_has_the_tolerance_of_the_challenge():
    assert list(FLARE23.tolerances_mm) == list(FLARE23.foreground)
    assert [FLARE23.tolerances_mm[label] for label in FLARE23.foreground] == [
        5, 3, 3, 5, 2, 2, 2, 2, 2, 3, 5, 7, 3, 2,
    ]  # fmt: skip


def test_every_sided_class_is_in_one_pair_with_its_other_side():
    paired = [label for pair in FLARE23.pairs for label in pair]
    sided = [label for label in FLARE23.foreground if {"left", "right"} & set(FLARE23.names[label].split())]
    assert sorted(paired) == sorted(sided)
    for right, left in FLARE23.pairs:
        assert FLARE23.names[right].replace("right", "left") == FLARE23.names[left]


def test_totalsegmentator_reaches_each_organ_once_and_nothing_else():
    ids = class_numbers(FLARE23, "totalsegmentator").ids
    assert sorted(label for label in ids.values() if 0 < label < 255) == list(FLARE23.organs)


@pytest.mark.parametrize("table", [FLARE23.tolerances_mm, FLARE23.colours, FLARE23.volumes_ml])
def test_tables_cannot_be_changed(table):
    with pytest.raises(TypeError, match="item assignment"):
        table[1] = 0


def test_a_label_may_be_empty_where_some_classes_were_looked_for():
    assert FLARE23.may_be_empty([14])
    assert not any(FLARE23.may_be_empty(annotated) for annotated in (None, [], range(1, 15)))
    three = read_label_set({"background": 0, "a": 3, "b": 5, "c": 9})
    assert three.may_be_empty([1, 2])
    assert not three.may_be_empty([1, 2, 3])

"""The classes: complete, in order, consistent with each other."""

from __future__ import annotations

import pytest

from swinx.labels import (
    CLASS_NAMES,
    LEFT_RIGHT_PAIRS,
    NSD_TOLERANCE_MM,
    NUM_CLASSES,
    ORGANS,
    TOTALSEGMENTATOR_TO_FLARE,
    FlareLabel,
    class_name,
)


def test_ids_are_consecutive_from_background_to_tumor():
    assert [int(label) for label in FlareLabel] == list(range(NUM_CLASSES)) == list(range(15))
    assert (FlareLabel(0), FlareLabel(14)) == (FlareLabel.BACKGROUND, FlareLabel.TUMOR)


def test_names_are_those_of_the_challenge_in_class_order():
    assert CLASS_NAMES == (
        "background", "liver", "right kidney", "spleen", "pancreas", "aorta", "inferior vena cava",
        "right adrenal gland", "left adrenal gland", "gallbladder", "esophagus", "stomach", "duodenum",
        "left kidney", "tumor",
    )  # fmt: skip
    assert [class_name(index) for index in range(NUM_CLASSES)] == list(CLASS_NAMES)


@pytest.mark.parametrize("label", [-1, 15])
def test_an_id_that_is_no_class_has_no_name(label):
    with pytest.raises(ValueError, match=str(label)):
        class_name(label)


def test_organs_are_all_classes_but_background_and_tumor():
    assert set(FlareLabel) - set(ORGANS) == {FlareLabel.BACKGROUND, FlareLabel.TUMOR}
    assert list(ORGANS) == sorted(ORGANS)


def test_every_foreground_class_and_no_other_has_the_tolerance_of_the_challenge():
    assert set(NSD_TOLERANCE_MM) == set(FlareLabel) - {FlareLabel.BACKGROUND}
    assert [NSD_TOLERANCE_MM[label] for label in (*ORGANS, FlareLabel.TUMOR)] == [
        5, 3, 3, 5, 2, 2, 2, 2, 2, 3, 5, 7, 3, 2,
    ]  # fmt: skip


def test_every_sided_class_is_in_one_pair_with_its_other_side():
    paired = [label for pair in LEFT_RIGHT_PAIRS for label in pair]
    sided = [label for label in FlareLabel if {"left", "right"} & set(class_name(label).split())]
    assert sorted(paired) == sorted(sided)
    for right, left in LEFT_RIGHT_PAIRS:
        assert class_name(right).replace("right", "left") == class_name(left)


def test_totalsegmentator_reaches_each_organ_once_and_nothing_else():
    assert sorted(TOTALSEGMENTATOR_TO_FLARE.values()) == sorted(ORGANS)


@pytest.mark.parametrize("table", [NSD_TOLERANCE_MM, TOTALSEGMENTATOR_TO_FLARE])
def test_tables_cannot_be_changed(table):
    with pytest.raises(TypeError, match="item assignment"):
        table[1] = 0

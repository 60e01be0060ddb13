"""Names of classes: the same words mean the same class, and sides are words."""

from __future__ import annotations

import pytest

from swinx.labels import mirrored_name, name_words, side_of


@pytest.mark.parametrize("name", ["Right Kidney", "kidney_right", "kidney, right", "KIDNEY-RIGHT", "right__kidney "])
def test_case_order_and_what_separates_words_do_not_matter(name):
    assert name_words(name) == name_words("right kidney")


@pytest.mark.parametrize(
    ("first", "second"),
    [("rib_left_1", "rib_left_11"), ("kidney", "kidneys"), ("left kidney", "right kidney"), ("lobe 1", "lobe")],
)
def test_another_word_or_number_is_another_name(first, second):
    assert name_words(first) != name_words(second)


def test_words_of_any_script_count():
    assert name_words("Gro\u00dfhirn") == name_words("grosshirn")
    assert name_words("\u809d\u81d3")


def test_vowel_signs_belong_to_their_word():
    assert name_words("\u0e15\u0e31\u0e1a") != name_words("\u0e15\u0e34\u0e1a")
    assert len(name_words("\u092f\u0915\u0943\u0924 1")) == 2


@pytest.mark.parametrize(
    ("name", "side", "mirrored"),
    [
        ("left kidney", "left", "right kidney"),
        ("kidney_Right", "right", "kidney_left"),
        ("rib_left_1", "left", "rib_right_1"),
        ("liver", None, None),
        ("leftover", None, None),
        ("left or right kidney", None, None),
    ],
)
def test_a_side_is_a_word_of_its_own_and_the_only_one(name, side, mirrored):
    assert (side_of(name), mirrored_name(name)) == (side, mirrored)


def test_the_mirror_of_the_mirror_is_the_name():
    for name in ("left kidney", "lung_upper_lobe_right"):
        assert mirrored_name(mirrored_name(name)) == name

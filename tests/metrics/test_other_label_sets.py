"""Scores of any label set: columns, averages, protocols and comparisons follow its classes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from swinx.errors import LabelSetError
from swinx.labels import FLARE23, read_label_set
from swinx.metrics import (
    ALL_CLASSES,
    ORGAN_AVERAGE,
    averages,
    compare_tables,
    dice_per_class,
    explain,
    explained_table,
    score_case,
    score_columns,
    score_table,
    summarise,
    surface_dice,
    table_label_set,
)
from swinx.metrics.protocols import tubular_classes

LUNGS = read_label_set(
    {
        "name": "lungs",
        "labels": {"background": 0, "left lung lobe": 1, "right lung lobe": 2, "nodule": 3},
        "classes": {
            "nodule": {"inside": ["left lung lobe", "right lung lobe"], "tolerance_mm": 1.0},
            "left lung lobe": {"tolerance_mm": 4.0},
        },
    }
)
LOBES = read_label_set({"background": 0, "left lobe": 1, "right lobe": 2})
MANY = read_label_set("totalsegmentator")
SPACING_MM = (0.8, 1.1, 2.5)


def territories(label_set, seed: int = 0, shape=(18, 22, 14)) -> np.ndarray:
    """All classes of a set, as smooth random territories."""
    fields = np.random.default_rng(seed).standard_normal((label_set.num_classes, *shape))
    smooth = [ndimage.gaussian_filter(field, 1.2) for field in fields]
    return np.argmax(smooth, axis=0).astype(np.uint8)


def scored(label_set, cases: int = 9, protocol: str = "auto"):
    reference = territories(label_set)
    found = {
        f"case{i}": score_case(
            reference, np.roll(reference, i % 4, axis=i % 3), SPACING_MM, protocol, label_set=label_set
        )
        for i in range(cases)
    }
    return score_table(found, label_set)


@pytest.mark.parametrize("label_set", [LUNGS, MANY])
def test_every_class_has_its_plain_dice_and_its_own_tolerance(label_set):
    reference = territories(label_set, 1)
    prediction = np.roll(reference, 1, axis=0)
    scores = score_case(reference, prediction, SPACING_MM, label_set=label_set)
    assert tuple(scores) == label_set.names[1:]
    plain = dice_per_class(reference, prediction, label_set)
    for label in set(label_set.foreground) - set(tubular_classes(label_set)):
        name = label_set.names[label]
        expected = plain[name]
        np.testing.assert_allclose(scores[name]["dsc"], expected, atol=6e-5)
        if expected >= 0.2:
            masks = (labels == label for labels in (reference, prediction))
            nsd = surface_dice(*masks, SPACING_MM, label_set.tolerances_mm[label])
            np.testing.assert_allclose(scores[name]["nsd"], nsd, atol=6e-5)


def test_unknown_voxels_count_for_nothing_in_any_set():
    reference = territories(LUNGS, 2)
    one, other = np.roll(reference, 1, axis=1), np.roll(reference, 1, axis=1)
    reference[:, 5:9] = 255
    other[:, 5:9] = 3
    one[:, 5:9] = 0
    assert score_case(reference, one, SPACING_MM, label_set=LUNGS) == score_case(
        reference, other, SPACING_MM, label_set=LUNGS
    )


def test_ids_beyond_the_label_set_are_named():
    with pytest.raises(ValueError, match=r"prediction holds ids 4\.\.4; class ids are 0\.\.3"):
        score_case(np.zeros((2, 2, 2), int), np.full((2, 2, 2), 4), SPACING_MM, label_set=LUNGS)


def test_the_challenges_protocol_is_refused_for_other_classes_and_the_default_for_its_own():
    labels = territories(LUNGS)
    with pytest.raises(LabelSetError, match="protocol flare23 is for the classes of FLARE-23, and the label set lungs"):
        score_case(labels, labels, SPACING_MM, "flare23", label_set=LUNGS)
    absent = np.zeros((3, 3, 3), np.uint8)
    assert score_case(absent, absent, SPACING_MM)["liver"] == {"dsc": 1.0, "nsd": 1.0}, "flare23, for its own classes"
    assert math.isnan(score_case(absent, absent, SPACING_MM, label_set=LUNGS)["nodule"]["dsc"]), "standard"


def test_the_challenges_protocol_keeps_the_challenges_tolerances():
    """The short form of a data list names the classes and no tolerances."""
    short = read_label_set({name: label for label, name in enumerate(FLARE23.names)})
    assert short.tolerances_mm != FLARE23.tolerances_mm
    reference = np.zeros((9, 9, 9), np.uint8)
    reference[2:7, 2:7, 2:7] = 1
    prediction = np.roll(reference, 1, axis=2)
    pair = reference, prediction, (1.0, 1.0, 4.0)
    assert score_case(*pair, "flare23", label_set=short) == score_case(*pair, "flare23")
    assert score_case(*pair, "standard", label_set=short) != score_case(*pair, "standard")


@pytest.mark.parametrize("name", ["aorta", "inferior_vena_cava", "esophagus"])
def test_a_tubular_class_of_another_set_is_scored_on_annotated_slices_only(name):
    label = MANY.id_of(name, "test")
    reference = np.zeros((6, 6, 9), np.uint8)
    reference[2:4, 2:4, 3:6] = label
    prediction = np.zeros_like(reference)
    prediction[2:4, 2:4] = label
    assert score_case(reference, prediction, SPACING_MM, label_set=MANY)[name]["dsc"] == 1
    spleen = MANY.id_of("spleen", "test")
    swapped = (np.where(labels == label, spleen, 0) for labels in (reference, prediction))
    assert score_case(*swapped, SPACING_MM, label_set=MANY)["spleen"]["dsc"] == 0.5


def test_columns_follow_the_names_whatever_is_in_them():
    odd = read_label_set({"background": 0, "=1+1": 1, 'lobe, "upper" left': 2})
    assert score_columns(odd) == ("=1+1_dsc", "=1+1_nsd", 'lobe,_"upper"_left_dsc', 'lobe,_"upper"_left_nsd')
    assert len(set(score_columns(MANY))) == 2 * 117


def test_averages_are_over_what_they_name():
    table = scored(LUNGS)
    summary = summarise(table)
    means = {name: summary[name].dsc.mean for name in LUNGS.names[1:]}
    lobes = (means["left lung lobe"] + means["right lung lobe"]) / 2
    assert summary[ORGAN_AVERAGE].dsc.mean == pytest.approx(lobes)
    assert summary[ALL_CLASSES].dsc.mean == pytest.approx(sum(means.values()) / 3)
    assert [row.name for row in summary.averages] == [ORGAN_AVERAGE, ALL_CLASSES]


def test_the_organ_average_leaves_out_lesions_in_the_middle_of_the_set():
    summary = summarise(scored(MANY, cases=3))
    assert {MANY.names[label] for label in MANY.lesions} == {"kidney_cyst_left", "kidney_cyst_right"}
    organs = [row.dsc.mean for row in summary.rows[:117] if "cyst" not in row.name]
    assert len(organs) == 115
    assert summary[ORGAN_AVERAGE].dsc.mean == pytest.approx(np.mean(organs))
    assert summary[ALL_CLASSES].dsc.mean == pytest.approx(np.mean([row.dsc.mean for row in summary.rows[:117]]))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"left lobe": 1, "right lobe": 2}, [ALL_CLASSES]),
        ({"liver": 1}, []),
        ({"liver": 1, "tumor": 2}, [ALL_CLASSES]),
        ({"liver": 1, "spleen": 2, "tumor": 3}, [ORGAN_AVERAGE, ALL_CLASSES]),
    ],
)
def test_no_average_is_always_equal_to_another_row(labels, expected):
    content = {"labels": {"background": 0, **labels}}
    content |= {"classes": {"tumor": {"inside": ["liver"]}}} if "tumor" in labels else {}
    label_set = read_label_set(content)
    assert list(averages(label_set)) == expected
    assert [row.name for row in summarise(scored(label_set)).averages] == expected
    assert list(compare_tables(scored(label_set), scored(label_set)).index) == [*label_set.names[1:], *expected]


def test_an_average_is_found_though_a_class_has_its_name():
    odd = read_label_set({"background": 0, "average": 1, "liver": 2})
    table = scored(odd)
    table["average_dsc"], table["liver_dsc"] = 0.0, 1.0
    assert summarise(table)["average"].dsc.mean == 0.5


def test_explanations_speak_of_the_classes_at_hand():
    flare = " ".join(explain(summarise(scored(FLARE23)), "standard", FLARE23))
    assert "the 13 organs. `average`: the organs and the tumor." in flare
    assert "slice of aorta, inferior vena cava and esophagus counts." in flare
    lungs = explained_table(summarise(scored(LUNGS)), "standard", LUNGS)
    assert "the 2 organs. `average`: the organs and the nodule." in lungs
    assert "aorta" not in lungs
    lobes = " ".join(explain(summarise(scored(LOBES)), "standard", LOBES))
    assert "`average`: all 2 classes." in lobes
    assert "organ" not in lobes
    amos = read_label_set("amos")
    assert "esophagus" in " ".join(explain(summarise(scored(amos)), "standard", amos))


def test_a_name_with_a_bar_does_not_break_the_table():
    odd = read_label_set({"background": 0, "a|b": 1, "c": 2})
    lines = explained_table(summarise(scored(odd)), "standard", odd).splitlines()
    assert {line.replace(r"\|", "").count("|") for line in lines[:4]} == {7}


def test_a_table_tells_its_label_set_also_after_it_was_cut():
    table = scored(LUNGS)
    assert table_label_set(table) == LUNGS
    assert table_label_set(table.loc[["case1", "case2"]]) == LUNGS
    assert table_label_set(table.drop(columns="nodule_dsc").assign(nodule_dsc=0.0)).name == "lungs"


def test_tables_of_two_label_sets_are_not_compared():
    with pytest.raises(LabelSetError, match="label sets lungs and totalsegmentator, which differ in their classes"):
        compare_tables(scored(LUNGS), scored(MANY, cases=1))


def test_tables_with_two_tolerances_are_not_compared():
    strict = read_label_set(
        {
            "name": "strict",
            "labels": dict(zip(LUNGS.names, range(4), strict=True)),
            "classes": {"nodule": {"inside": []}},
        }
    )
    with pytest.raises(LabelSetError, match="lungs and strict, which differ in their tolerances"):
        compare_tables(scored(LUNGS), scored(strict))


def test_colours_and_aliases_do_not_keep_tables_apart():
    content = LUNGS.as_json()
    content["classes"]["nodule"] |= {"colour": "#123456", "aliases": ["lung lesion"]}
    other = read_label_set(content)
    assert other != LUNGS
    result = compare_tables(scored(LUNGS), scored(other))
    assert (result["dsc_difference"] == 0).all()
    assert result.loc["nodule", "dsc_cases"] == 9

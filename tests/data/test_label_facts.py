"""Plausibility of labels: volumes and sides are those of the patient, whatever the grid of the file."""

from __future__ import annotations

import numpy as np
import pytest

from support.geometry import oblique_affine
from swinx.data.checks.collection_facts import CheckedLabel, collection_lines
from swinx.data.label_facts import LabelFacts, exchanged_sides, implausible, label_facts, sides_text, volumes_text
from swinx.labels import FLARE23, read_label_set

LUNGS = read_label_set({"background": 0, "left lung lobe": 2, "right lung lobe": 5, "nodule": 9})
SHAPE = (24, 20, 18)


def balls(affine, *places_mm, radius_mm=12.0):
    """A label map with a ball for class 1, 2 ... at offsets from the centre of the grid, in RAS mm."""
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1)
    world = index @ affine[:3, :3].T + affine[:3, 3]
    centre = affine[:3, :3] @ ((np.array(SHAPE) - 1) / 2) + affine[:3, 3]
    labels = np.zeros(SHAPE, np.uint8)
    for label, place in enumerate(places_mm, start=1):
        labels[np.linalg.norm(world - centre - place, axis=-1) < radius_mm] = label
    return labels


@pytest.mark.parametrize("codes", ["RAS", "LPS", "LAS", "PIR", "SRA"])
def test_volume_and_place_are_those_of_the_patient(codes):
    affine = oblique_affine(codes, (3.1, 2.2, 4.0))
    facts = label_facts(balls(affine, (-10.0, 3, 2), (10.0, -3, 0), radius_mm=8.0), affine)
    assert facts.volumes_ml[1] == pytest.approx(4 / 3 * np.pi * 0.8**3, rel=0.2)
    assert facts.centres_mm[2][0] - facts.centres_mm[1][0] == pytest.approx(20.0, abs=1.5)
    assert facts.at_border == frozenset()
    assert not exchanged_sides(facts, LUNGS)
    assert exchanged_sides(facts.renamed({1: 2, 2: 1}), LUNGS) == [(2, 1)]


def test_what_leaves_the_scan_touches_its_border_and_unknown_voxels_are_no_class():
    affine = oblique_affine("LPS", (3.1, 2.2, 4.0))
    labels = balls(affine, (0, 0, 0), (0, 0, 36.0))
    labels[0, 0, 0] = 255
    facts = label_facts(labels, affine)
    assert facts.at_border == {2}
    assert set(facts.volumes_ml) == {1, 2}


@pytest.mark.parametrize(
    ("at_border", "found"), [(frozenset(), {1: 27.0, 5: 1400.0}), (frozenset({1, 5}), {5: 1400.0})]
)
def test_a_class_at_the_border_may_be_small_and_no_class_may_be_large(at_border, found):
    facts = LabelFacts({1: 27.0, 5: 1400.0, 14: 3000.0}, at_border, {})
    assert implausible(facts, FLARE23) == found
    assert "class 5 'aorta' has 1.4 litres, more than 800 ml" in volumes_text(found, FLARE23)


def test_classes_are_named_with_their_numbers_in_files():
    chest = read_label_set({"labels": {"background": 0, "lung": 40}, "classes": {"lung": {"volume_ml": [1, 2]}}})
    assert "class 40 'lung' has 3 ml, more than 2 ml: is this" in volumes_text({1: 3.0}, chest)
    assert sides_text([(2, 1)], LUNGS).endswith(": right lung lobe, left lung lobe")


def checked(case, *volumes, right=(), plain=True, **more):
    facts = LabelFacts(dict(volumes), frozenset(), {label: (place, 0.0, 0.0) for label, place in dict(right).items()})
    return CheckedLabel(case, facts, numbers=facts if plain else None, **more)


def outside(case, *volumes):
    return CheckedLabel(case, numbers=LabelFacts(dict(volumes), frozenset(), {}), is_outside=True)


GOOD = ((1, 1500.0), (5, 100.0))
BTCV = ((1, 200.0), (6, 1500.0))
"""Spleen and liver by the numbers of BTCV and AMOS."""


def test_labels_of_another_known_numbering_are_told_from_the_others():
    labels = [checked("a", *GOOD), checked("b", *GOOD), checked("c", *GOOD), checked("d", *BTCV)]
    volumes, two, fits = collection_lines(labels, FLARE23)
    assert volumes == ("implausible volumes in 1 of 4 labels: liver (1), inferior vena cava (1)")
    assert two.startswith("1 of 4 labels differ from the others")
    assert two.endswith(": d")
    assert "1 of these fit the numbers of the label set amos better" in fits


def test_a_collection_of_another_known_numbering_is_said_to_be_of_it():
    lines = collection_lines([checked("a", *BTCV), checked("b", *BTCV), checked("c", *GOOD)], FLARE23)
    assert lines[1].startswith(
        "2 of 3 labels fit the numbers of the label set amos better than those of the label set flare23"
    )
    assert len(lines) == 2


def test_numbers_that_are_no_class_speak_for_the_set_that_has_them():
    flare = (*GOOD, (14, 20.0))
    labels = [outside("a", *flare), outside("b", *flare), checked("c", *GOOD)]
    lines = collection_lines(labels, read_label_set("flare22"))
    assert len(lines) == 2
    better = "2 of 3 labels fit the numbers of the label set flare23 better than those of the label set flare22"
    assert lines[1].startswith(better)


def test_a_set_without_known_volumes_does_not_fit_anything():
    lines = collection_lines([checked("a", (1, 9000.0)), checked("b", *GOOD)], FLARE23)
    assert not any("flare_lesion" in line for line in lines)
    assert lines[1].endswith(": a")


def test_a_good_collection_needs_no_line_and_mapped_numbers_are_not_guessed_at():
    assert collection_lines([checked("a", *GOOD), checked("b", *GOOD)], FLARE23) == ()
    lines = collection_lines([checked("a", *BTCV, plain=False), checked("b", *GOOD)], FLARE23)
    assert not any("fit the numbers" in line for line in lines)


def test_each_kind_is_one_line_however_many_cases_it_has():
    sides = {1: 10.0, 2: -10.0}
    labels = [checked(f"c{number}", (1, 1.0), (2, 1.0), right=sides) for number in range(40)]
    labels += [CheckedLabel("d", is_outside=True), checked("e", (1, 1.0), unknown_percent=12.5, unlisted=True)]
    lines = collection_lines(labels, LUNGS, complete=[f"c{number}" for number in range(7)])
    assert len(lines) == 6
    assert lines[0].startswith("7 labels without a record")
    assert lines[1].startswith(
        "numbers that are no class of the label set of left lung lobe, right lung lobe, nodule, by any label_map, in 1 "
        "labels: ? (d)"
    )
    assert lines[2] == "voxels of unknown class in 1 of 42 labels, up to 12.5 % of one"
    assert "in 1 labels: e" in lines[3]
    assert lines[4] == "right and left exchanged in 40 of 41 labels: right lung lobe (40)"
    assert lines[5].endswith("c9 and 30 more")

"""Label files of two numberings: found by volumes and places, and no other difference of patients is taken for one."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from support.geometry import oblique_affine
from swinx.data import check_data, format_report, load_labelled, warn_of_numberings
from swinx.data.label_facts import LabelFacts
from swinx.data.numbering_notes import contradicting_labels
from swinx.data.numberings import other_numberings
from swinx.errors import CaseError
from swinx.labels import read_label_set

ORGANS = {  # volume in ml, standard deviation of its logarithm, centre in RAS mm, standard deviation in mm
    "liver": (1500, 0.25, (70, 0, 20), 18),
    "spleen": (200, 0.45, (-90, -20, 30), 18),
    "kidney": (330, 0.25, (0, -50, -45), 15),
    "stomach": (350, 0.7, (-50, 30, 30), 28),
    "pancreas": (80, 0.3, (-10, 10, -10), 18),
    "aorta": (90, 0.35, (-5, -40, -30), 15),
    "bladder": (200, 0.9, (0, 10, -250), 20),
}
"""Adults, by round figures of the anatomical literature."""
CUT = ("aorta",)
SET = read_label_set({"background": 0, "liver": 1, "spleen": 2, "kidney": 3})


def patient(rng, numbers, size=1.0, annotated=1.0, cropped=0.0):
    """The facts of a label in which organs have numbers."""
    volumes, border, centres = {}, set(), {}
    corner = rng.uniform(-400, 400, 3)
    for organ, number in numbers.items():
        volume, spread, place, off = ORGANS[organ]
        ml = volume * size * np.exp(rng.normal(0, spread))
        centre = (np.array(place) + rng.normal(0, off, 3)) * size ** (1 / 3) + corner
        if rng.random() > annotated:
            continue
        if organ in CUT or rng.random() < cropped:
            share = rng.uniform(0.2, 1)
            ml, centre = ml * share, centre + np.array([0, 0, 50 * (1 - share)])
            border.add(number)
        volumes[number], centres[number] = float(ml), tuple(centre.tolist())
    return LabelFacts(volumes, frozenset(border), centres)


def cohort(seed, counts, numberings, **more):
    rng = np.random.default_rng(seed)
    sites = zip("abc", counts, numberings, strict=False)
    return {f"{site}{i}": patient(rng, numbers, **more) for site, count, numbers in sites for i in range(count)}


A = {"liver": 1, "spleen": 2, "kidney": 3}
B = {"liver": 2, "spleen": 3, "kidney": 1}
FIVE = {organ: number for number, organ in enumerate(list(ORGANS)[:5], start=1)}
OTHER_FIVE = dict(zip(FIVE, (4, 1, 5, 2, 3), strict=True))


@pytest.mark.parametrize(
    ("one", "other", "counts"),
    [(A, B, (2, 2)), (A, B, (70, 30)), (FIVE, OTHER_FIVE, (6, 4)), (FIVE, OTHER_FIVE, (30, 5))],
)
def test_two_numberings_are_found_and_what_moves_is_named(one, other, counts):
    (found,) = other_numberings(cohort(sum(counts), counts, (one, other)))
    assert set(found.cases) <= {f"b{i}" for i in range(counts[1])} or counts[0] == counts[1]
    assert len(found.cases) >= 0.6 * counts[1]
    meant = {number: one[organ] for organ, number in other.items()}
    if found.cases[0].startswith("a"):
        meant = {there: here for here, there in meant.items()}
    assert found.moved.items() <= meant.items()


def test_a_third_numbering_is_a_group_of_its_own():
    third = dict(zip(FIVE, (2, 3, 4, 5, 1), strict=True))
    found = other_numberings(cohort(0, (6, 4, 3), (FIVE, OTHER_FIVE, third)))
    assert {case[0] for group in found for case in group.cases} == {"b", "c"}
    assert len(found) == 2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "more", [{}, {"annotated": 0.6}, {"cropped": 0.7}, {"size": 1.6}], ids=["whole", "partial", "cropped", "large"]
)
def test_patients_who_merely_differ_do_not_contradict_each_other(seed, more):
    every = {organ: number for number, organ in enumerate(ORGANS, start=1)}
    for numbers in (A, FIVE, every, {"liver": 1, "spleen": 2}, {"bladder": 1, "stomach": 2}):
        assert other_numberings(cohort(seed, (12,), (numbers,), **more)) == []


@pytest.mark.parametrize("seed", range(4))
def test_children_do_not_contradict_adults(seed):
    adults = cohort(seed, (6,), (FIVE,))
    children = cohort(seed + 50, (6,), (FIVE,), size=1 / 9)
    assert other_numberings(adults | {f"child {case}": each for case, each in children.items()}) == []


def test_a_single_odd_case_a_single_class_and_lesions_prove_nothing():
    assert other_numberings(cohort(0, (6, 1), (A, B))) == []
    assert other_numberings(cohort(0, (1, 1), (A, B))) == []
    assert other_numberings(cohort(0, (5, 5), ({"liver": 1}, {"spleen": 1}))) == []
    assert other_numberings(cohort(0, (5, 5), (A, B)), lesions=(1, 2)) == []


def test_the_names_tell_which_of_two_numberings_is_the_odd_one():
    facts = cohort(3, (3, 8), (A, B))
    (found,) = contradicting_labels(facts, SET)
    assert set(found.cases) <= {f"b{i}" for i in range(8)}
    assert found.moved == {1: 3, 2: 1, 3: 2}
    unknown = read_label_set({"background": 0, "one": 1, "two": 2, "three": 3})
    assert {case[0] for group in contradicting_labels(facts, unknown) for case in group.cases} == {"a"}


AFFINES = [oblique_affine("LPS", (9.0, 9.5, 11.0)), oblique_affine("RSA", (10.0, 12.0, 9.0))]
SHAPE = (46, 40, 44)


def drawn(rng, affine, numbers):
    """A label map with a ball of the volume of each organ."""
    world = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1) @ affine[:3, :3].T
    world -= affine[:3, :3] @ (np.array(SHAPE) / 2)
    label = np.zeros(SHAPE, np.uint8)
    for organ, number in numbers.items():
        volume, _, place, _ = ORGANS[organ]
        radius = (3 * volume * 1000 * rng.uniform(0.8, 1.2) / (4 * np.pi)) ** (1 / 3)
        label[np.linalg.norm(world - place - rng.normal(0, 8, 3), axis=-1) < radius] = number
    return label


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """A folder of seven cases, of which three have the numbers of another site, and are on other grids."""
    folder, rng = tmp_path_factory.mktemp("sites"), np.random.default_rng(0)
    for name, count, numbers, affine in (("a", 4, A, AFFINES[0]), ("b", 3, B, AFFINES[1])):
        for index in range(count):
            label = drawn(rng, affine, numbers)
            scan = rng.integers(-1000, 1000, SHAPE).astype(np.int16)
            nib.save(nib.Nifti1Image(scan, affine), folder / f"{name}{index}_0000.nii")
            nib.save(nib.Nifti1Image(label, affine), folder / f"{name}{index}.nii")
    return folder


def listed(folder, **head):
    cases = [path.name.removesuffix("_0000.nii") for path in sorted(folder.glob("*_0000.nii"))]
    entries = [{"image": f"{case}_0000.nii", "label": f"{case}.nii", "source": case[0]} for case in cases]
    path = folder / f"list{len(head)}.json"
    path.write_text(json.dumps({"labels": dict(zip(SET.names, SET.values, strict=True)), **head, "training": entries}))
    return path


MAPS = {"label_maps": {"a": None, "b": {"1": "kidney", "2": "liver", "3": "spleen"}}}


def test_the_check_ends_with_a_fault_of_each_case_of_another_numbering(sites, tmp_path):
    report = check_data(listed(sites), tmp_path)
    assert not report.ok
    assert [fault.case for fault in report.faults] == ["b0", "b1", "b2"]
    text = format_report(report)
    assert "3 labels have another numbering than 4 others" in text
    assert "1 liver is the kidney, 2 spleen is the liver, 3 kidney is the spleen there (b0, b1, b2)" in text
    assert "label_map" in text
    assert check_data(listed(sites, **MAPS)).ok


def test_a_training_says_so_before_its_first_step(sites, tmp_path, caplog):
    load_labelled(listed(sites), "training", tmp_path / "split.json")
    (said,) = [record for record in caplog.records if "two numberings" in record.message]
    assert "3 of 7 that were looked at (of 7) contradict 4 others" in said.message
    assert "2 spleen is the liver" in said.message
    caplog.clear()
    load_labelled(listed(sites), "validation", tmp_path / "split.json")
    load_labelled(listed(sites, **MAPS), "training", tmp_path / "other.json")
    assert "two numberings" not in caplog.text


def test_a_few_labels_of_each_source_are_looked_at(monkeypatch):
    read = []

    def refuse(label, *_, **__):
        read.append(label)
        raise CaseError(label, "not read here")

    monkeypatch.setattr("swinx.data.numbering_notes.read_label", refuse)
    items = [{"case": f"{i}", "label": f"{'ab'[i % 50 == 0]}/{i}.nii"} for i in range(500)]
    items += [{"case": "masks", "label": "masks"}, {"case": "one", "label": "one.nii", "annotated": [1]}]
    warn_of_numberings(items, SET)
    assert len(read) == 24
    assert sum(label.startswith("b/") for label in read) == 10  # all that there are
    assert {"masks", "one.nii"}.isdisjoint(read)

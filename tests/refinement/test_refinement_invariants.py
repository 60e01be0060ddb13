"""Whatever truth and teachers say, refinement keeps what was drawn and believes annotators before teachers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from swinx.labels import UNKNOWN
from swinx.refinement import Agreement, FillUnannotated, Fusion, OverwriteOrgans, Source, TruthOnly, TumorHostChecked
from swinx.refinement.policies.fusion import check_fusion

AFFINE = np.array([[0.0, -2.0, 0.3, 5.0], [1.5, 0.0, 0.1, -3.0], [0.0, 0.4, 4.0, 9.0], [0.0, 0.0, 0.0, 1.0]])
SHAPE = (4, 3, 5)
POLICIES = [
    TruthOnly(),
    FillUnannotated(),
    FillUnannotated(tumor=False),
    TumorHostChecked(minimum_volume_mm3=20.0, reach_mm=1.0),
    OverwriteOrgans(),
    Agreement(),
    Agreement(minimum_agreeing=2),
]
CLASSES = st.sets(st.integers(1, 14))
MAPS = hnp.arrays(np.uint8, SHAPE, elements=st.integers(0, 14))


@st.composite
def cases(draw):
    """Truth with annotated classes and a few unknown voxels, three pseudo labels that often agree, their classes."""
    annotated = draw(CLASSES)
    truth = draw(MAPS)
    truth[~np.isin(truth, list(annotated))] = 0
    if draw(st.booleans()):
        truth[0, 0, 0] = UNKNOWN
    first = draw(MAPS)
    pseudo = [first, np.where(draw(hnp.arrays(bool, SHAPE)), first, draw(MAPS)), draw(MAPS)]
    return truth, pseudo, annotated, draw(CLASSES)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@given(case=cases())
@settings(max_examples=60, deadline=None)
def test_invariants_of_every_policy(policy, case):
    truth, pseudo, annotated, pseudo_classes = case
    before = [array.copy() for array in (truth, *pseudo)]
    fusion = policy(truth, pseudo, annotated, AFFINE, pseudo_classes)
    assert all(np.array_equal(a, b) for a, b in zip(before, (truth, *pseudo), strict=True)), "arguments must not change"
    check_fusion(fusion, truth, annotated, policy.protected)
    for value in policy.protected:
        drawn = truth == value
        assert (fusion.label[drawn] == value).all()
        if value in annotated:
            assert np.array_equal(fusion.label == value, drawn)
    assert (fusion.label[truth == UNKNOWN] == UNKNOWN).all()
    assert (fusion.label.dtype, fusion.label.shape) == (np.uint8, truth.shape)
    allowed = annotated | pseudo_classes
    assert set(fusion.known) <= allowed
    assert annotated <= set(fusion.known)
    assert set(np.unique(fusion.label).tolist()) <= {0, UNKNOWN, *fusion.known}
    again = policy(fusion.label, pseudo, annotated, AFFINE, pseudo_classes)
    assert np.array_equal(again.label, fusion.label), "merging twice changes nothing"


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@given(case=cases())
@settings(max_examples=30, deadline=None)
def test_provenance_tells_drawn_from_pseudo(policy, case):
    truth, pseudo, annotated, pseudo_classes = case
    label, source, _ = policy(truth, pseudo, annotated, AFFINE, pseudo_classes)
    assert np.array_equal(source == Source.BACKGROUND, label == 0)
    assert np.array_equal(source == Source.UNKNOWN, label == UNKNOWN)
    drawn = (label == truth) & (label > 0) & (label != UNKNOWN)
    assert np.array_equal(source == Source.ANNOTATED, drawn)


@given(case=cases())
@settings(max_examples=30, deadline=None)
def test_everything_annotated_is_the_truth_and_nothing_annotated_is_the_teacher(case):
    _, pseudo, _, _ = case
    everything = set(range(1, 15))
    truth = pseudo[2]
    for policy in (FillUnannotated(), TumorHostChecked(), Agreement()):
        assert np.array_equal(policy(truth, pseudo, everything, AFFINE).label, truth)
    empty = np.zeros(SHAPE, dtype=np.uint8)
    for policy in (FillUnannotated(), OverwriteOrgans()):
        fusion = policy(empty, pseudo, set(), AFFINE)
        assert np.array_equal(fusion.label, pseudo[0])
        assert fusion.known == tuple(range(1, 15))


@given(case=cases())
@settings(max_examples=30, deadline=None)
def test_maps_that_agree_are_one_map(case):
    truth, pseudo, annotated, classes = case
    one = FillUnannotated()(truth, pseudo[:1], annotated, AFFINE, classes)
    same = Agreement()(truth, [pseudo[0]] * 3, annotated, AFFINE, classes)
    assert np.array_equal(one.label, same.label)


@pytest.mark.parametrize(
    ("truth", "pseudo", "annotated", "expected"),
    [
        pytest.param(1, 14, {1}, 1, id="drawn-stays"),
        pytest.param(0, 14, {1}, 14, id="unannotated-class-is-filled"),
        pytest.param(0, 1, {1}, 0, id="annotated-class-is-refuted"),
        pytest.param(UNKNOWN, 2, {1}, UNKNOWN, id="unknown-stays-unknown"),
        pytest.param(0, 7, {1}, 0, id="a-class-that-the-teacher-does-not-know"),
    ],
)
def test_one_voxel_of_the_default(truth, pseudo, annotated, expected):
    one = (np.full((1, 1, 1), value, dtype=np.uint8) for value in (truth, pseudo))
    truth_map, pseudo_map = one
    fusion = FillUnannotated()(truth_map, [pseudo_map], annotated, AFFINE, {1, 2, 14})
    assert fusion.label.item() == expected


def test_a_tumour_that_is_not_taken_is_unknown_and_not_background():
    truth, pseudo = np.zeros((1, 1, 2), dtype=np.uint8), np.array([[[14, 3]]], dtype=np.uint8)
    fusion = FillUnannotated(tumor=False)(truth, [pseudo], set(), AFFINE)
    assert fusion.label.ravel().tolist() == [UNKNOWN, 3]
    assert 14 not in fusion.known


def test_two_of_three_carry_a_voxel_and_refuted_claims_vote_for_background():
    maps = [np.array([[[1, 1, 5, 2]]], dtype=np.uint8), np.array([[[1, 2, 0, 3]]], dtype=np.uint8)]
    maps.append(np.array([[[3, 1, 5, 4]]], dtype=np.uint8))
    truth = np.zeros((1, 1, 4), dtype=np.uint8)
    assert Agreement(2)(truth, maps, {5}, AFFINE).label.ravel().tolist() == [1, 1, 0, UNKNOWN]
    assert Agreement()(truth, maps, {5}, AFFINE).label.ravel().tolist() == [UNKNOWN, UNKNOWN, 0, UNKNOWN]


@pytest.mark.parametrize(("count", "needed"), [(1, None), (3, 1), (2, 3), (4, 2)])
def test_a_vote_without_majority_is_refused(count, needed):
    maps = [np.zeros((1, 1, 1), dtype=np.uint8)] * count
    with pytest.raises(ValueError, match="cannot be made to agree"):
        Agreement(needed)(maps[0], maps, set(), AFFINE)


def test_organs_are_the_teachers_and_drawn_tumours_lie_on_top():
    truth, pseudo = np.array([[[1, 14, 0, 7]]], dtype=np.uint8), np.array([[[2, 1, 14, 0]]], dtype=np.uint8)
    fusion = OverwriteOrgans()(truth, [pseudo], {1, 7, 14}, AFFINE, {1, 2, 14})
    assert fusion.label.ravel().tolist() == [2, 14, 0, 7], "an organ that the teacher cannot predict stays"


@pytest.mark.parametrize(
    ("label", "source", "message"),
    [
        ([2, 0], [2, 0], r"changed 1 annotated voxels of liver"),
        ([1, 1], [1, 2], r"added 1 voxels to liver"),
        ([1, 0], [0, 0], r"provenance and label differ"),
        ([1, 255], [1, 0], r"provenance and label differ"),
    ],
)
def test_what_must_not_happen_is_noticed(label, source, message):
    truth = np.array([[[1, 0]]], dtype=np.uint8)
    fusion = Fusion(*(np.array([[row]], dtype=np.uint8) for row in (label, source)), (1,))
    with pytest.raises(ValueError, match=message):
        check_fusion(fusion, truth, {1}, range(1, 15))

"""Filters of pseudo labels: sizes in mm, sides of the patient, whatever the grid."""

from __future__ import annotations

import numpy as np
import pytest
from nibabel.orientations import apply_orientation, io_orientation

from swinx.geometry import components_of
from swinx.refinement import FillHoles, LargestComponent, Laterality, MinimumComponent, TumorHostChecked
from swinx.refinement.policies.pseudo_filters import filter_changes

RIGHT_KIDNEY, LEFT_KIDNEY, AORTA, CAVA, LIVER, SPLEEN, TUMOR = 2, 13, 5, 6, 1, 3, 14


def scaled(*sizes_mm: float) -> np.ndarray:
    return np.diag([*sizes_mm, 1.0])


def test_a_component_is_kept_or_removed_by_its_volume_not_its_voxels():
    labels = np.zeros((8, 8, 8), dtype=np.uint8)
    labels[1:3, 1:3, 1:3] = LIVER
    labels[5, 5, 5] = LIVER
    coarse = MinimumComponent(60.0)(labels, scaled(4, 4, 4))
    assert coarse[5, 5, 5] == LIVER, "one voxel of 64 mm^3"
    fine = MinimumComponent(60.0)(labels, scaled(1, 1, 4))
    assert not fine.any(), "eight voxels of 4 mm^3"
    assert labels.sum() == 9, "the argument stays"


def test_minimum_volumes_may_differ_by_class():
    labels = np.zeros((6, 6, 6), dtype=np.uint8)
    labels[0, 0, 0], labels[4, 4, 4] = LIVER, TUMOR
    kept = MinimumComponent({"1": 5.0, "14": 0.5})(labels, scaled(1, 1, 1))
    assert (kept[0, 0, 0], kept[4, 4, 4]) == (0, TUMOR)


def test_voxels_that_touch_at_a_corner_are_one_component():
    labels = np.zeros((4, 4, 4), dtype=np.uint8)
    labels[0, 0, 0] = labels[1, 1, 1] = LIVER
    (component,) = components_of(labels, LIVER, scaled(1, 2, 3))
    assert component.volume_mm3 == pytest.approx(12)


def test_one_piece_of_each_organ_is_kept_and_every_tumour():
    labels = np.zeros((10, 4, 4), dtype=np.uint8)
    labels[0:3, 0, 0], labels[5, 0, 0] = SPLEEN, SPLEEN
    labels[0:2, 3, 3], labels[6, 3, 3] = TUMOR, TUMOR
    kept = LargestComponent()(labels, scaled(1, 1, 1))
    assert np.count_nonzero(kept == SPLEEN) == 3
    assert np.count_nonzero(kept == TUMOR) == 3


def abdomen(right: int = RIGHT_KIDNEY, left: int = LEFT_KIDNEY) -> np.ndarray:
    """RAS array of 21 x 9 x 7 voxels: vessels in the middle, kidneys far to the right (high x) and left."""
    labels = np.zeros((21, 9, 7), dtype=np.uint8)
    labels[9, 4, :], labels[11, 4, :] = AORTA, CAVA
    labels[17:20, 2:5, 2:5], labels[1:4, 2:5, 2:5] = right, left
    return labels


def on_grid(labels: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lay a RAS array out along the axes of an affine; return it with the affine of the same anatomy."""
    orientation = io_orientation(affine)
    array = apply_orientation(labels, np.array([[*row] for row in inverse(orientation)]))
    placed = affine.copy()
    return np.ascontiguousarray(array), placed


def inverse(orientation: np.ndarray) -> np.ndarray:
    """The orientation that undoes another."""
    undone = np.zeros_like(orientation)
    for axis, (world, sign) in enumerate(orientation):
        undone[int(world)] = (axis, sign)
    return undone


@pytest.mark.parametrize("action", ["swap", "reject"])
def test_kidneys_on_the_wrong_side_are_swapped_or_rejected_on_any_grid(oblique, action):
    wrong, affine = on_grid(abdomen(right=LEFT_KIDNEY, left=RIGHT_KIDNEY), oblique)
    correct, _ = on_grid(abdomen(), oblique)
    filtered = Laterality(action, margin_mm=1.0)(wrong, affine)
    if action == "swap":
        assert np.array_equal(filtered, correct)
    else:
        assert not np.isin(filtered, [RIGHT_KIDNEY, LEFT_KIDNEY]).any()
        assert np.array_equal(filtered == AORTA, correct == AORTA)
    assert np.array_equal(Laterality(action, margin_mm=1.0)(correct, affine), correct)


def test_two_kidneys_on_one_side_are_judged_each_by_itself():
    labels = abdomen(left=0)
    labels[13:15, 2:5, 2:5] = LEFT_KIDNEY
    filtered = Laterality(margin_mm=1.0)(labels, scaled(5, 5, 5))
    assert (filtered[13:15, 2:5, 2:5] == RIGHT_KIDNEY).all()
    assert (filtered[17:20, 2:5, 2:5] == RIGHT_KIDNEY).all()


def test_without_vessels_or_near_the_middle_nothing_is_moved():
    wrong = abdomen(right=LEFT_KIDNEY, left=RIGHT_KIDNEY)
    wrong[np.isin(wrong, [AORTA, CAVA])] = 0
    assert np.array_equal(Laterality()(wrong, scaled(5, 5, 5)), wrong)
    near = abdomen(right=LEFT_KIDNEY, left=RIGHT_KIDNEY)
    assert np.array_equal(Laterality(margin_mm=50.0)(near, scaled(5, 5, 5)), near)


def test_an_action_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'swap' or 'reject', not 'mirror'"):
        Laterality("mirror")


def test_small_holes_are_filled_large_ones_and_other_classes_are_not():
    labels = np.zeros((12, 7, 7), dtype=np.uint8)
    labels[0:5, 1:6, 1:6] = LIVER
    labels[2, 3, 3] = 0
    labels[3, 2, 2] = TUMOR
    labels[6:12, 1:6, 1:6] = SPLEEN
    labels[8:10, 2:5, 2:5] = 0
    filled = FillHoles(volume_mm3=10.0)(labels, scaled(1, 2, 2))
    assert filled[2, 3, 3] == LIVER
    assert filled[3, 2, 2] == TUMOR
    assert not filled[8:10, 2:5, 2:5].any(), "18 voxels of 4 mm^3"
    assert FillHoles(volume_mm3=100.0)(labels, scaled(1, 2, 2))[8, 3, 3] == SPLEEN


def test_changes_are_told_in_ml_by_class():
    before, after = np.array([[[1, 1, 2, 0]]], dtype=np.uint8), np.array([[[0, 1, 13, 1]]], dtype=np.uint8)
    changes = filter_changes(before, after, scaled(10, 10, 10))
    assert changes == {
        1: {"removed_ml": 1.0, "added_ml": 1.0},
        2: {"removed_ml": 1.0, "added_ml": 0.0},
        13: {"removed_ml": 0.0, "added_ml": 1.0},
    }


@pytest.mark.parametrize(
    ("gap_voxels", "size", "kept"),
    [(0, 3, True), (1, 3, True), (4, 3, False), (0, 1, False)],
)
def test_a_tumour_counts_if_it_is_large_enough_and_within_reach_of_an_organ(gap_voxels, size, kept):
    """Voxels of 2 x 1 x 1 mm along the gap: a gap of one voxel is within a reach of 3 mm, one of four is not."""
    pseudo = np.zeros((16, 5, 5), dtype=np.uint8)
    pseudo[0:4] = LIVER
    start = 4 + gap_voxels
    pseudo[start : start + size, 1 : 1 + size, 1 : 1 + size] = TUMOR
    policy = TumorHostChecked(minimum_volume_mm3=10.0, reach_mm=3.0)
    fusion = policy(np.zeros_like(pseudo), [pseudo], set(), scaled(2, 1, 1))
    assert bool((fusion.label == TUMOR).any()) == kept


def test_the_drawn_organ_is_a_host_too():
    truth, pseudo = np.zeros((6, 3, 3), dtype=np.uint8), np.zeros((6, 3, 3), dtype=np.uint8)
    truth[0:3], pseudo[3:6] = LIVER, TUMOR
    fusion = TumorHostChecked(minimum_volume_mm3=1.0)(truth, [pseudo], {LIVER}, scaled(1, 1, 1))
    assert (fusion.label[3:6] == TUMOR).all()


def test_two_kidneys_of_one_name_become_a_right_and_a_left_one():
    """The commonest fault of networks with mirrored training, and why sides come before largest components."""
    labels = np.zeros((30, 6, 6), dtype=np.uint8)
    labels[2:6, 1:4, 1:4] = labels[24:27, 1:4, 1:4] = RIGHT_KIDNEY
    labels[14:16, 3, 1:5] = AORTA
    affine = np.diag([-10.0, -10.0, 10.0, 1.0])
    steps = [MinimumComponent(50.0), Laterality(), LargestComponent()]
    for step in steps:
        labels = step(labels, affine)
    assert np.count_nonzero(labels == RIGHT_KIDNEY) == 4 * 9
    assert np.count_nonzero(labels == LEFT_KIDNEY) == 3 * 9

"""surface_dice: MONAI's surface elements, distances in millimetres and in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_surface_dice

from swinx.metrics import surface_dice


def block(shape: tuple[int, int, int], *corners: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(first, stop) for first, stop in corners)] = True
    return mask


def speckles(seed: int, shape: tuple[int, int, int] = (9, 8, 7), share: float = 0.3) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < share


def monai_surface_dice(reference, prediction, spacing_mm, tolerance_mm):
    return compute_surface_dice(
        torch.from_numpy(prediction)[None, None],
        torch.from_numpy(reference)[None, None],
        [tolerance_mm],
        include_background=True,
        spacing=list(spacing_mm),
        use_subvoxels=True,
    ).item()


# Tolerances and spacings that no distance between voxels meets exactly; the ties have a test of their own.
@pytest.mark.parametrize("tolerance_mm", [0.1, 1.3, 2.6])
@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (0.7, 1.1, 2.9)])
def test_equals_monai_away_from_ties(spacing_mm, tolerance_mm):
    reference, prediction = speckles(1), speckles(2)
    expected = monai_surface_dice(reference, prediction, spacing_mm, tolerance_mm)
    assert surface_dice(reference, prediction, spacing_mm, tolerance_mm) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("shift", "score"), [(4, 1.0), (5, 0.5)])
def test_a_distance_a_rounding_error_beyond_the_tolerance_is_beyond_it(shift, score):
    size_mm = float(np.float32(0.6))  # as a NIfTI header holds it; 5 voxels are 3.00000012 mm
    reference = block((20, 6, 6), (2, 3), (0, 6), (0, 6))
    prediction = block((20, 6, 6), (2 + shift, 3 + shift), (0, 6), (0, 6))
    assert surface_dice(reference, prediction, (size_mm, 1.0, 1.0), tolerance_mm=3.0) == pytest.approx(
        score, abs=0.01
    ), "the facing sides of the two sheets are one voxel nearer than the outer ones"
    assert monai_surface_dice(reference, prediction, (size_mm, 1.0, 1.0), 3.0) > 0.9, "or the note is out of date"


@pytest.mark.parametrize(
    ("axis", "tolerance_mm", "found"), [(0, 1.9, False), (0, 2.0, True), (2, 2.0, False), (2, 5.0, True)]
)
def test_distances_are_in_millimetres_along_each_axis(axis, tolerance_mm, found):
    spacing_mm = (2.0, 1.0, 5.0)
    reference = block((9, 9, 9), (4, 5), (4, 5), (4, 5))
    prediction = np.roll(reference, 1, axis)
    score = surface_dice(reference, prediction, spacing_mm, tolerance_mm)
    # One voxel's 8 corners: the 4 that the two voxels share always match.
    assert score == (1.0 if found else 0.5)


def test_areas_are_weighted_by_spacing():
    # A slab of 1 x 20 x 20 voxels whose far end is missing: what is lost is counted in mm², not in elements.
    reference = block((3, 22, 22), (1, 2), (1, 21), (1, 21))
    prediction = block((3, 22, 22), (1, 2), (1, 21), (1, 11))
    fine = surface_dice(reference, prediction, (1.0, 1.0, 1.0), 0.5)
    stretched = surface_dice(reference, prediction, (1.0, 1.0, 4.0), 0.5)
    scaled = surface_dice(reference, prediction, (3.0, 3.0, 3.0), 1.5)
    assert fine == pytest.approx(scaled)
    assert fine != pytest.approx(stretched, abs=1e-4)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**16),
    before=st.tuples(*[st.integers(0, 4)] * 3),
    after=st.tuples(*[st.integers(0, 4)] * 3),
    share=st.floats(0.02, 0.6),
)
def test_background_around_the_masks_changes_nothing(seed, before, after, share):
    reference, prediction = speckles(seed, (5, 6, 4), share), speckles(seed + 1, (5, 6, 4), share)
    padding = list(zip(before, after, strict=True))
    spacing_mm = (0.8, 1.0, 2.5)
    np.testing.assert_equal(
        surface_dice(np.pad(reference, padding), np.pad(prediction, padding), spacing_mm, 1.0),
        surface_dice(reference, prediction, spacing_mm, 1.0),
    )


def test_the_crop_to_the_joint_box_equals_the_whole_volume_by_monai():
    reference = block((30, 26, 28), (12, 17), (9, 15), (20, 28))
    prediction = block((30, 26, 28), (13, 19), (8, 14), (18, 26))
    expected = monai_surface_dice(reference, prediction, (0.7, 1.3, 2.9), 1.5)
    assert surface_dice(reference, prediction, (0.7, 1.3, 2.9), 1.5) == pytest.approx(expected, abs=1e-6)


def test_one_empty_mask_is_zero_and_two_are_undefined():
    full, empty = np.ones((3, 3, 3), dtype=bool), np.zeros((3, 3, 3), dtype=bool)
    assert surface_dice(full, empty, (1, 1, 1), 1) == surface_dice(empty, full, (1, 1, 1), 1) == 0
    assert math.isnan(surface_dice(empty, empty, (1, 1, 1), 1))


def test_masks_that_do_not_fit_are_refused():
    mask = np.ones((3, 3, 3), dtype=bool)
    with pytest.raises(ValueError, match="must be boolean, got uint8"):
        surface_dice(mask.astype(np.uint8), mask, (1, 1, 1), 1)
    with pytest.raises(ValueError, match="3D and of one shape"):
        surface_dice(mask, mask[:2], (1, 1, 1), 1)

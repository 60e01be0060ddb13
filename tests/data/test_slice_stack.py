"""Slices stack into one grid, or it is said why not."""

from __future__ import annotations

import numpy as np
import pytest

from support.geometry import oblique_affine
from swinx.data.dicom.slice_stack import find_slice_faults, slice_order, stack_affine

AXIAL = np.tile([1.0, 0, 0, 0, 1, 0], (6, 1))


def slices_of(affine, count=5):
    """Positions, direction cosines and pixel spacing of the slices of a RAS grid."""
    lps = np.diag([-1.0, -1, 1, 1]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    cosines = (lps[:3, :2] / spacing[:2]).T.ravel()
    positions = lps[:3, 3] + np.arange(count)[:, None] * lps[:3, 2]
    return positions, np.tile(cosines, (count, 1)), (spacing[1], spacing[0])


@pytest.mark.parametrize("codes", ["LPS", "LAI", "PSR", "IRP"])
def test_the_grid_of_ordered_slices_is_the_one_they_were_cut_from(codes):
    affine = oblique_affine(codes)
    positions, orientations, spacing = slices_of(affine)
    shuffled = np.array([3, 0, 4, 1, 2])
    order = slice_order(positions[shuffled], orientations)
    sorted_positions = positions[shuffled][order]
    assert find_slice_faults(sorted_positions, orientations) == []
    found = stack_affine(sorted_positions, orientations, spacing)
    runs_on = np.linalg.det((np.diag([-1.0, -1, 1, 1]) @ affine)[:3, :3]) > 0  # else the stack turns around
    steps = shuffled[order].tolist()
    assert steps == ([0, 1, 2, 3, 4] if runs_on else [4, 3, 2, 1, 0])
    for index, step in enumerate(steps):
        np.testing.assert_allclose(found @ [2, 3, index, 1], affine @ [2, 3, step, 1], atol=1e-9)


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        pytest.param((0, 0, 0), "share one position", id="several-phases"),
        pytest.param((0, 0.2, 2.5), "sideways", id="tilted-gantry"),
    ],
)
def test_slices_that_are_no_upright_stack_are_refused(step, fault):
    assert fault in find_slice_faults(np.arange(6)[:, None] * np.array(step, float), AXIAL)[0]


def test_slices_in_different_planes_are_refused():
    turned = AXIAL.copy()
    turned[3] = (0, 1, 0, 0, 0, 1)
    assert "not parallel" in find_slice_faults(np.arange(6)[:, None] * np.array([0, 0, 1.0]), turned)[0]


def test_rounded_positions_are_accepted():
    positions = np.arange(6)[:, None] * np.array([0, 0, 0.625])
    assert find_slice_faults(positions.round(2), AXIAL) == []

"""Labels follow the patient's millimetres from grid to grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from support.geometry import oblique_affine
from swinx.refinement.teachers.prediction_folder import overhang_voxels, transfer_labels

SHAPE = (13, 11, 7)


def halves(affine: np.ndarray, shape: tuple[int, ...], middle_mm: np.ndarray, towards: np.ndarray) -> torch.Tensor:
    """1 on one side of a plane in the world, 2 on the other."""
    index = np.stack(np.meshgrid(*[np.arange(side) for side in shape], indexing="ij"), axis=-1)
    world = index @ affine[:3, :3].T + affine[:3, 3]
    return torch.from_numpy(np.where((world - middle_mm) @ towards > 0, 2, 1).astype(np.uint8))


def finer(affine: np.ndarray, factor: int) -> np.ndarray:
    """The grid that cuts every voxel in ``factor`` along each axis."""
    cut = affine.copy()
    cut[:3, :3] /= factor
    cut[:3, 3] += affine[:3, :3] @ np.full(3, (1 / factor - 1) / 2)
    return cut


def test_each_part_of_a_voxel_keeps_its_label(oblique):
    labels = torch.from_numpy(np.random.default_rng(0).integers(0, 15, SHAPE).astype(np.uint8))
    moved = transfer_labels(labels, oblique, finer(oblique, 3), [3 * side for side in SHAPE])
    expected = labels
    for axis in range(3):
        expected = expected.repeat_interleave(3, dim=axis)
    assert torch.equal(moved, expected)


def test_labels_lie_at_the_same_place_on_a_grid_that_is_turned_against_theirs(oblique):
    other = oblique_affine("RAS", (1.1, 0.7, 1.9), degrees=31.0)
    other[:3, 3] = (oblique @ [3, 3, 2, 1])[:3]
    middle = (oblique @ [6, 5, 3, 1])[:3]
    direction = np.array([0.6, -0.64, 0.48])
    moved = transfer_labels(halves(oblique, SHAPE, middle, direction), oblique, other, (5, 4, 3))
    drawn = halves(other, (5, 4, 3), middle, direction)
    to_source = np.linalg.inv(oblique) @ other
    index = np.stack(np.meshgrid(*[np.arange(side) for side in (5, 4, 3)], indexing="ij"), axis=-1)
    nearest = np.floor(index @ to_source[:3, :3].T + to_source[:3, 3] + 0.5).astype(int)
    inside = ((nearest >= 0) & (nearest < SHAPE)).all(axis=-1)
    assert inside.sum() > 10
    world = index @ other[:3, :3].T + other[:3, 3]
    half_voxel_mm = np.abs(oblique[:3, :3].T @ direction).sum() / 2
    clear = inside & (np.abs((world - middle) @ direction) > half_voxel_mm)
    assert clear.any()
    assert torch.equal(moved[clear], drawn[clear])
    assert not moved[~inside].any()


def test_a_turned_grid_takes_the_outer_half_of_the_outermost_voxels_too():
    turned = oblique_affine("RAS", (1.0, 1.0, 1.0), degrees=4.0)
    turned[:3, 3] = (-0.4, -0.4, -0.4)
    assert transfer_labels(torch.full((3, 3, 3), 5), np.eye(4), turned, (1, 1, 1)).item() == 5


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_overhang_is_counted_from_the_outer_face_in_voxels_of_the_source(oblique, axis, sign):
    shifted = oblique.copy()
    shifted[:3, 3] += sign * 2.5 * oblique[:3, axis]
    assert overhang_voxels(oblique, SHAPE, shifted, SHAPE) == pytest.approx(2.0)


def test_a_grid_that_cuts_voxels_in_parts_has_no_overhang(oblique):
    assert overhang_voxels(oblique, SHAPE, finer(oblique, 2), [2 * side for side in SHAPE]) == pytest.approx(
        0, abs=1e-9
    )

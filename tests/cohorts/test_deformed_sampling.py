"""Sampling through affine and displacement: world positions decide, not indices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from swinx.cohorts.deformed_sampling import blur_for_spacing, sample_positions, sample_volume

SHAPE = (24, 20, 12)


def _oblique(spacing_mm: tuple[float, float, float], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    affine = np.eye(4)
    flipped = np.diag([-1.0, -1.0, 1.0])  # LPS
    affine[:3, :3] = Rotation.from_euler("xyz", [8, -12, 20], degrees=True).as_matrix() @ flipped @ np.diag(spacing_mm)
    affine[:3, 3] = rng.uniform(-50, 50, 3)
    return affine


def _world(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij")).reshape(3, -1)
    return (affine[:3, :3] @ index + affine[:3, 3:]).reshape(3, *shape)


def test_no_warp_on_the_same_grid_returns_the_volume():
    affine = _oblique((1.0, 1.5, 4.0), 0)
    volume = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    still = np.zeros((3, *SHAPE), dtype=np.float32)
    positions = sample_positions(SHAPE, affine, affine, np.eye(4), still)
    np.testing.assert_allclose(sample_volume(volume, positions, nearest=False, outside=0), volume, atol=1e-3)


def test_a_linear_ramp_in_the_world_is_reproduced_on_another_grid():
    source, target = _oblique((1.0, 1.5, 4.0), 0), _oblique((1.0, 1.5, 4.0), 0)
    target[:3, :3] = Rotation.from_euler("z", 5, degrees=True).as_matrix() @ np.diag([1.2, 0.9, 2.0])
    target[:3, 3] = _world(source, SHAPE)[:, 12, 10, 6] - target[:3, :3] @ [3, 3, 3]
    normal = np.array([0.3, -0.7, 0.5])
    ramp = np.tensordot(normal, _world(source, SHAPE), axes=1).astype(np.float32)
    warp = np.eye(4)
    warp[:3, 3] = [0.5, -0.25, 1.0]
    push = np.full((3, 6, 6, 6), 0.75, dtype=np.float32)
    got = sample_volume(ramp, sample_positions((6, 6, 6), target, source, warp, push), nearest=False, outside=np.nan)
    shifted = _world(target, (6, 6, 6)) + (warp[:3, 3] + 0.75)[:, None, None, None]
    np.testing.assert_allclose(got, np.tensordot(normal, shifted, axes=1), atol=1e-3)


def test_labels_are_never_mixed():
    label = np.random.default_rng(2).choice([0, 3, 14], size=SHAPE).astype(np.uint8)
    affine = _oblique((1.0, 1.5, 4.0), 0)
    push = np.random.default_rng(3).normal(0, 2, size=(3, *SHAPE)).astype(np.float32)
    got = sample_volume(label, sample_positions(SHAPE, affine, affine, np.eye(4), push), nearest=True, outside=0)
    assert got.dtype == np.uint8
    assert set(np.unique(got)) <= {0, 3, 14}


def test_a_displacement_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="does not fit a grid"):
        sample_positions(SHAPE, np.eye(4), np.eye(4), np.eye(4), np.zeros((3, 2, 2, 2), dtype=np.float32))


def test_blurring_removes_what_a_coarse_grid_cannot_hold_and_keeps_the_mean():
    stripes = np.zeros((64, 8, 8), dtype=np.float32)
    stripes[::2] = 100
    blurred = blur_for_spacing(stripes, (1.0, 1.0, 4.0), (4.0, 1.0, 4.0))
    assert blurred[8:-8].std() < 1
    assert blurred.mean() == pytest.approx(50, abs=2)


def test_an_axis_that_is_coarse_already_stays_sharp():
    noise = np.random.default_rng(4).normal(size=SHAPE).astype(np.float32)
    np.testing.assert_array_equal(blur_for_spacing(noise, (4.0, 4.0, 5.0), (4.0, 4.0, 4.0)), noise)

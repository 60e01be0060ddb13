"""The model grid covers the scan, keeps its directions and its first voxel."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from swinx.preprocessing.model_grid import canonical_grid, crop_to_box


def corners(affine, shape):
    ends = np.array(np.meshgrid(*[[0, n - 1] for n in shape], indexing="ij")).reshape(3, -1)
    return affine[:3, :3] @ ends + affine[:3, 3:]


def test_grid_is_ras_at_the_spacing_and_covers_the_scan(oblique):
    shape = (21, 16, 12)
    affine, size = canonical_grid(oblique, shape, (1.0, 2.0, 1.5))
    assert "".join(nib.aff2axcodes(affine)) == "RAS"
    np.testing.assert_allclose(np.linalg.norm(affine[:3, :3], axis=0), (1.0, 2.0, 1.5))
    ours, theirs = corners(affine, size), corners(oblique, shape)
    assert np.abs(ours.min(axis=1) - theirs.min(axis=1)).max() <= 1.5
    assert np.abs(ours.max(axis=1) - theirs.max(axis=1)).max() <= 1.5


def test_cropping_keeps_world_coordinates(oblique):
    affine, shape = canonical_grid(oblique, (21, 16, 12), (1.0, 2.0, 1.5))
    cropped, size = crop_to_box(affine, [[3.0, 4.0, -7.0], [8.5, 9.0, 3.0]], shape)
    assert size == (7, 4, 3)
    np.testing.assert_allclose(cropped @ [0, 0, 0, 1], affine @ [3, 2, 0, 1])


def test_crop_outside_keeps_at_least_one_voxel():
    _, size = crop_to_box(np.eye(4), [[50, 50, 50], [60, 60, 60]], (8, 8, 8))
    assert size == (1, 1, 1)


def test_spacing_of_zero_is_refused():
    with pytest.raises(ValueError, match="spacing must be positive"):
        canonical_grid(np.eye(4), (4, 4, 4), (1, 0, 1))

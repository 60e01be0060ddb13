"""Resampling between axis-aligned grids equals MONAI's, and labels come back where they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Orientation, Spacing

from swinx.geometry import axis_map, resample_linear, resample_nearest, restore_nearest
from swinx.preprocessing.model_grid import canonical_grid

SHAPE = (20, 14, 9)


def volume(seed: int = 0) -> torch.Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.5, 3.0), (0.5, 0.7, 1.1)])
def test_linear_equals_monai_orientation_and_spacing(oblique, spacing):
    affine, shape = canonical_grid(oblique, SHAPE, spacing)
    ours = resample_linear(volume(), oblique, affine, shape)
    image = MetaTensor(volume()[None], affine=torch.as_tensor(oblique))
    theirs = Spacing(spacing, mode="bilinear", padding_mode="border", dtype=torch.float64)(Orientation("RAS")(image))
    np.testing.assert_allclose(theirs.affine.numpy(), affine, atol=1e-6)
    overlap = tuple(slice(0, min(a, b)) for a, b in zip(shape, theirs.shape[1:], strict=True))
    assert max(abs(a - b) for a, b in zip(shape, theirs.shape[1:], strict=True)) <= 1
    torch.testing.assert_close(ours[overlap], theirs.as_tensor()[0][overlap].float(), atol=1e-5, rtol=0)


def test_same_spacing_only_reorders_voxels(oblique):
    affine, shape = canonical_grid(oblique, SHAPE, np.linalg.norm(oblique[:3, :3], axis=0)[_source_axes(oblique)])
    moved = resample_linear(volume(), oblique, affine, shape)
    assert sorted(shape) == sorted(SHAPE)
    torch.testing.assert_close(moved.flatten().sort().values, volume().flatten().sort().values, atol=0, rtol=0)
    back = resample_linear(moved, affine, oblique, SHAPE)
    torch.testing.assert_close(back, volume(), atol=0, rtol=0)


def _source_axes(affine):
    return list(axis_map(affine, canonical_grid(affine, SHAPE, (1, 1, 1))[0]).source_axis)


def test_a_linear_ramp_survives_linear_resampling(oblique):
    """World coordinates are linear in voxels: interpolating them must give the target's own coordinates."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"), axis=-1)
    superior = index @ oblique[2, :3] + oblique[2, 3]
    affine, shape = canonical_grid(oblique, SHAPE, (1.3, 1.1, 1.7))
    moved = resample_linear(torch.as_tensor(superior), oblique, affine, shape).numpy()
    inner = tuple(slice(0, n - 1) for n in shape)
    target = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1) @ affine[2, :3]
    np.testing.assert_allclose(moved[inner], (target + affine[2, 3])[inner], atol=1e-3)


def test_antialias_keeps_the_mean_of_noise_and_cuts_its_spread():
    noise = torch.randn((40, 40, 40), generator=torch.Generator().manual_seed(1))
    coarse = resample_linear(noise, np.eye(4), np.diag([4.0, 4, 4, 1]), (10, 10, 10), antialias=True)
    picked = resample_linear(noise, np.eye(4), np.diag([4.0, 4, 4, 1]), (10, 10, 10))
    assert coarse.std() < 0.3 * picked.std()
    assert abs(coarse.mean()) < 0.1


def test_antialias_changes_nothing_where_the_target_is_finer():
    fine = np.diag([0.5, 0.5, 0.5, 1])
    torch.testing.assert_close(
        resample_linear(volume(), np.eye(4), fine, (30, 20, 10), antialias=True),
        resample_linear(volume(), np.eye(4), fine, (30, 20, 10)),
    )


def test_labels_return_to_the_original_voxels_when_the_model_grid_is_finer(oblique):
    labels = torch.randint(0, 15, SHAPE, generator=torch.Generator().manual_seed(2), dtype=torch.uint8)
    affine, shape = canonical_grid(oblique, SHAPE, (0.4, 0.4, 0.4))
    model = resample_nearest(labels, oblique, affine, shape)
    assert model.dtype == torch.uint8
    assert torch.equal(restore_nearest(model, affine, oblique, SHAPE), labels)


def test_what_a_cropped_map_does_not_cover_is_background():
    labels = torch.ones((2, 2, 2), dtype=torch.uint8)
    shifted = np.eye(4)
    shifted[:3, 3] = (1, 2, 0)
    restored = restore_nearest(labels, shifted, np.eye(4), (5, 5, 5))
    assert restored.sum() == 8
    assert restored[1:3, 2:4, 0:2].all()


def test_a_map_that_lies_outside_leaves_nothing():
    shifted = np.eye(4)
    shifted[:3, 3] = 100
    assert restore_nearest(torch.ones((2, 2, 2)), shifted, np.eye(4), (5, 5, 5)).sum() == 0


def test_rotated_grids_are_refused(oblique):
    with pytest.raises(ValueError, match="rotated or sheared"):
        axis_map(oblique, np.eye(4))

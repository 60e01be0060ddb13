"""HU back from intensities, errors where nothing was visible, tokens in the world."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from swinx.pretraining.reconstruction.save_reconstruction import intensities_to_hu, masked_errors, token_affine

WINDOW_HU = (-250.0, 250.0)


@pytest.mark.parametrize("window_hu", [WINDOW_HU, (-1024, 3071), (-175, 250)])
def test_every_whole_hu_of_the_window_comes_back(window_hu):
    low, high = window_hu
    hu = np.arange(low, high + 1, dtype=np.float32)
    back = intensities_to_hu(torch.from_numpy((hu - low) / (high - low)), window_hu)
    assert back.dtype == np.int16
    np.testing.assert_array_equal(back, hu)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_has_no_hu(value):
    with pytest.raises(ValueError, match="NaN or infinite"):
        intensities_to_hu(torch.tensor([0.0, value]), WINDOW_HU)


def test_a_token_lies_at_the_mean_place_of_its_voxels(oblique):
    tokens = token_affine(oblique, 4)
    cube = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    for index in ([0, 0, 0], [3, 1, 2]):
        voxels = (cube + 4 * np.array(index)) @ oblique[:3, :3].T + oblique[:3, 3]
        np.testing.assert_allclose((tokens @ [*index, 1])[:3], voxels.mean(axis=0))


def test_tokens_of_one_voxel_are_the_voxels(oblique):
    np.testing.assert_array_equal(token_affine(oblique, 1), oblique)


def test_a_stride_of_zero_is_refused():
    with pytest.raises(ValueError, match="positive stride"):
        token_affine(np.eye(4), 0)


@pytest.fixture
def scan() -> torch.Tensor:
    return torch.rand(1, 6, 5, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def mask() -> torch.Tensor:
    return (torch.rand(1, 6, 5, 4, generator=torch.Generator().manual_seed(1)) < 0.6).to(torch.uint8)


def test_a_perfect_reconstruction_has_no_error_and_the_baseline_has(scan, mask):
    errors = masked_errors(scan, scan, mask, WINDOW_HU)
    assert errors["mae"] == errors["mae_hu"] == 0
    assert errors["baseline_mae_hu"] == pytest.approx(500 * errors["baseline_mae"])
    assert 0.1 < errors["baseline_mae"] < 0.4  # of uniform noise: 0.25
    assert errors["hidden_share"] == mask.double().mean().item()


def test_what_is_put_out_where_the_network_could_see_does_not_count(scan, mask):
    nonsense = torch.where(mask > 0, scan, 1e6)
    assert masked_errors(scan, nonsense, mask, WINDOW_HU)["mae"] == 0


def test_the_mean_of_the_visible_scores_as_the_baseline(scan, mask):
    guess = torch.full_like(scan, scan[mask == 0].mean())
    errors = masked_errors(scan, guess, mask, WINDOW_HU)
    assert errors["mae"] == pytest.approx(errors["baseline_mae"], rel=1e-6)


def test_without_hidden_or_visible_voxels_there_is_no_error_instead_of_nan(scan):
    nothing = masked_errors(scan, scan, torch.zeros_like(scan), WINDOW_HU)
    assert [nothing["mae"], nothing["mae_hu"], nothing["baseline_mae"], nothing["baseline_mae_hu"]] == [None] * 4
    everything = masked_errors(scan, scan, torch.ones_like(scan), WINDOW_HU)
    assert everything["mae"] == 0
    assert everything["baseline_mae"] is None


def test_different_shapes_are_refused(scan, mask):
    with pytest.raises(ValueError, match="differ in shape"):
        masked_errors(scan, scan[:, 1:], mask, WINDOW_HU)

"""RandBlockMaskd: as many blocks as asked, anew for each view and each call."""

from __future__ import annotations

import pytest
import torch

from swinx.pretraining import RandBlockMaskd

ITEM = {"view_1": torch.rand(1, 96, 96, 96), "view_2": torch.rand(1, 96, 96, 96)}


def masker(seed=0, **changes) -> RandBlockMaskd:
    transform = RandBlockMaskd(**changes)
    transform.set_random_state(seed)
    return transform


def test_the_paper_s_setting_hides_152_of_216_blocks_of_each_view():
    out = masker()(ITEM)
    for key in ("mask_1", "mask_2"):
        assert out[key].shape == (1, 6, 6, 6)
        assert out[key].dtype == torch.float32
        assert out[key].unique().tolist() == [0, 1]
        assert out[key].sum() == 152


def test_views_stay_and_the_item_is_not_changed():
    out = masker()(ITEM)
    assert set(ITEM) == {"view_1", "view_2"}
    assert all(out[key] is ITEM[key] for key in ITEM)


def test_the_two_views_of_an_item_and_its_epochs_have_different_masks():
    transform = masker()
    masks = [transform(ITEM)[key].flatten() for _ in range(20) for key in ("mask_1", "mask_2")]
    assert len({tuple(mask.tolist()) for mask in masks}) == 40


def test_masks_of_the_two_views_are_independent():
    """Given that a block is hidden in one view, it is hidden in the other as often as any."""
    transform = masker(block_size=32, ratio=0.5)
    pairs = [transform(ITEM) for _ in range(500)]
    one, two = (torch.stack([pair[key].flatten() for pair in pairs]) for key in ("mask_1", "mask_2"))
    assert abs(two[one == 1].mean() - one.mean()) < 0.01


def test_the_same_seed_gives_the_same_masks():
    one, again, other = (masker(seed)(ITEM) for seed in (1, 1, 2))
    torch.manual_seed(0)
    for key in ("mask_1", "mask_2"):
        assert torch.equal(one[key], again[key])
        assert not torch.equal(one[key], other[key])


def test_a_view_that_is_no_cube_has_a_grid_of_its_own_shape():
    item = {"a": torch.zeros(1, 32, 64, 16)}
    assert masker(keys="a", mask_keys="m")(item)["m"].shape == (1, 2, 4, 1)


def test_blocks_may_differ_by_axis():
    item = {"a": torch.zeros(1, 64, 64, 32)}
    assert masker(keys="a", mask_keys="m", block_size=(8, 16, 4))(item)["m"].shape == (1, 8, 4, 8)


@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.5, 70])
def test_a_ratio_that_hides_nothing_or_everything_is_refused_when_it_is_built(ratio):
    with pytest.raises(ValueError, match="mask ratio of"):
        RandBlockMaskd(ratio=ratio)


@pytest.mark.parametrize("block_size", [0, -16, 1.5])
def test_a_block_size_that_is_none_is_refused_when_it_is_built(block_size):
    with pytest.raises(ValueError, match="block_size must be a positive whole number"):
        RandBlockMaskd(block_size=block_size)


@pytest.mark.parametrize("mask_keys", ["mask_1", ("mask", "mask"), ("view_1", "mask_2")])
def test_views_without_a_mask_of_their_own_are_refused(mask_keys):
    with pytest.raises(ValueError, match="each view needs one mask"):
        RandBlockMaskd(mask_keys=mask_keys)


def test_blocks_that_do_not_fill_a_view_are_refused():
    with pytest.raises(ValueError, match=r"blocks of \(20, 20, 20\) voxels do not fill"):
        masker(block_size=20)(ITEM)


def test_a_ratio_that_leaves_no_block_of_this_view_visible_is_refused():
    with pytest.raises(ValueError, match="leaves a block visible"):
        masker(block_size=48, ratio=0.9)(ITEM)

"""Block masks: the exact number, each block as often, cells spread over the right voxels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from swinx.pretraining.masking import block_grid, block_sides, draw_block_mask, enlarge_blocks, masked_share


@pytest.mark.parametrize(
    ("grid", "ratio", "hidden"),
    [((6, 6, 6), 0.7, 152), ((2, 2, 2), 0.5, 4), ((2, 2, 2), 0.7, 6), ((1, 3, 5), 0.2, 3), ((2, 4, 2), 0.01, 1)],
)
def test_the_number_of_hidden_blocks_is_the_one_counted_by_hand(grid, ratio, hidden):
    for seed in range(5):
        assert draw_block_mask(grid, ratio, np.random.RandomState(seed)).sum() == hidden


@given(st.tuples(*[st.integers(1, 6)] * 3), st.floats(0.001, 0.999), st.integers(0, 2**32 - 1))
def test_exactly_the_ratio_rounded_up_is_hidden(grid, ratio, seed):
    cells = math.prod(grid)
    assume(math.ceil(ratio * cells) < cells)
    mask = draw_block_mask(grid, ratio, np.random.RandomState(seed))
    assert mask.shape == grid
    assert mask.dtype == np.float32
    assert set(np.unique(mask)) == {0, 1}
    assert mask.sum() - 1 < ratio * cells <= mask.sum()


def test_each_block_and_each_pair_of_blocks_is_hidden_as_often():
    """Of 18 blocks 9 are hidden: one block in 1/2 of the masks, two of them together in 1/2 * 8/17."""
    random, draws = np.random.RandomState(0), 6000
    masks = np.array([draw_block_mask((2, 3, 3), 0.5, random).ravel() for _ in range(draws)])
    together = masks.T @ masks / draws
    np.testing.assert_allclose(np.diag(together), 1 / 2, atol=0.03)
    np.testing.assert_allclose(together[~np.eye(18, dtype=bool)], 8 / 34, atol=0.03)


def test_a_mask_depends_on_the_given_randomness_alone():
    np.random.seed(0)  # noqa: NPY002
    one = draw_block_mask((4, 4, 4), 0.5, np.random.RandomState(1))
    np.random.seed(5)  # noqa: NPY002
    assert (one == draw_block_mask((4, 4, 4), 0.5, np.random.RandomState(1))).all()
    assert (one != draw_block_mask((4, 4, 4), 0.5, np.random.RandomState(2))).any()


@pytest.mark.parametrize(("ratio", "what"), [(0, "nothing"), (-1, "nothing"), (1, "everything"), (0.99, "everything")])
def test_a_ratio_that_leaves_the_student_nothing_to_do_or_to_see_is_refused(ratio, what):
    with pytest.raises(ValueError, match=rf"masks {what} of a grid of \(2, 2, 2\)"):
        draw_block_mask((2, 2, 2), ratio, np.random.RandomState(0))


def test_grid_counts_the_blocks_along_each_axis():
    assert block_grid((32, 96, 16), 16) == (2, 6, 1)


@pytest.mark.parametrize(("size", "block"), [((96, 96, 90), 16), ((96, 96), 16), ((96, 96, 96), 0), ((96, 96, 0), 16)])
def test_blocks_that_do_not_fill_the_view_are_refused(size, block):
    with pytest.raises(ValueError, match="do not fill a view"):
        block_grid(size, block)


def test_each_voxel_gets_the_cell_that_it_lies_in():
    mask = torch.arange(2.0 * 6).view(2, 1, 1, 2, 3)
    large = enlarge_blocks(mask, (4, 4, 9))
    assert large.shape == (2, 1, 4, 4, 9)
    for x, y, z in [(0, 0, 0), (3, 1, 2), (2, 2, 3), (1, 3, 8)]:
        assert torch.equal(large[:, 0, x, y, z], mask[:, 0, 0, y // 2, z // 3])


def test_enlarging_in_two_steps_is_enlarging_in_one():
    mask = torch.from_numpy(draw_block_mask((2, 2, 2), 0.5, np.random.RandomState(0)))[None, None]
    assert torch.equal(enlarge_blocks(enlarge_blocks(mask, (4, 4, 4)), (16, 8, 32)), enlarge_blocks(mask, (16, 8, 32)))
    assert enlarge_blocks(mask, (16, 8, 32)).mean() == mask.mean()


@pytest.mark.parametrize("size", [(4, 4, 3), (4, 4)])
def test_a_mask_that_does_not_divide_the_size_is_refused(size):
    with pytest.raises(ValueError, match="does not divide a grid"):
        enlarge_blocks(torch.zeros(1, 1, 2, 2, 2), size)


@pytest.mark.parametrize(
    ("mm", "pixdim", "roi", "sides"),
    [
        (16, (1.0, 1.0, 1.0), (96, 96, 96), (16, 16, 16)),  # the paper's
        (16, (4.0, 4.0, 4.0), (64, 64, 64), (4, 4, 4)),
        (32, (4.0, 4.0, 4.0), (64, 64, 64), (8, 8, 8)),
        (16, (2.0, 1.0, 4.0), (64, 96, 32), (8, 16, 4)),
        (16, (8.0, 8.0, 8.0), (64, 64, 64), (4, 4, 4)),  # none is smaller
        (500, (1.0, 1.0, 1.0), (64, 96, 64), (32, 32, 32)),  # a view has several blocks
    ],
)
def test_a_length_in_mm_gives_the_nearest_blocks_that_fill_a_view(mm, pixdim, roi, sides):
    assert block_sides(16, mm, pixdim, roi) == sides
    assert math.prod(block_grid(roi, sides)) >= 8


def test_without_a_length_blocks_are_as_given_and_a_length_of_zero_is_refused():
    assert block_sides(24, None, (4.0, 4.0, 4.0), (96, 96, 96)) == 24
    with pytest.raises(ValueError, match="mask_block_mm must be above 0 mm, not 0"):
        block_sides(16, 0, (1.0, 1.0, 1.0), (96, 96, 96))


def test_a_coarser_grid_has_the_masked_share_of_its_cells_and_a_finer_one_their_value():
    mask = torch.zeros(1, 1, 4, 2, 2)
    mask[0, 0, 0, 0, 0] = mask[0, 0, 1, 0, 1] = mask[0, 0, 3] = 1
    shares = masked_share(mask, (2, 4, 1))  # coarser, finer and coarser
    assert shares[0, 0, :, :, 0].tolist() == [[0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.5, 0.5]]
    assert torch.equal(masked_share(mask, (8, 4, 2)), enlarge_blocks(mask, (8, 4, 2)))
    with pytest.raises(ValueError, match="do not fit together"):
        masked_share(mask, (6, 2, 2))

"""merge_masks: each voxel gets the highest of its classes, and what was claimed twice is counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swinx.ops.mask_merging import merge_masks


@given(st.sets(st.integers(1, 14), min_size=1), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_each_voxel_gets_the_highest_of_its_classes_whatever_the_order_of_the_masks(classes, seed, density):
    rng = np.random.default_rng(seed)
    masks = {value: rng.random((3, 4, 2)) < density for value in rng.permutation(sorted(classes)).tolist()}
    merged = merge_masks(masks)
    stack = np.stack([mask * value for value, mask in masks.items()])
    counts = np.count_nonzero(stack, axis=0)
    assert merged.labels.dtype == np.uint8
    np.testing.assert_array_equal(merged.labels, stack.max(axis=0))
    assert merged.overlapping == np.count_nonzero(counts > 1)
    assert merged.share == pytest.approx(merged.overlapping / max(np.count_nonzero(counts), 1))


def test_a_tumour_in_an_organ_is_tumour():
    organ, tumour = np.ones((4, 4), np.uint8), np.zeros((4, 4), np.uint8)
    tumour[1:3, 1:3] = 255
    merged = merge_masks({14: tumour, 2: organ})
    assert (merged.labels == 14).sum() == merged.overlapping == 4
    assert merged.share == 0.25


@pytest.mark.parametrize(
    ("masks", "reason"),
    [
        ({}, "no mask to merge"),
        ({0: np.ones(3), 15: np.ones(3)}, r"masks of \[0, 15\]; classes have the ids 1\.\.14"),
        ({1: np.ones(3), 2: np.ones((3, 1))}, r"shapes \[\(3,\), \(3, 1\)\]; all must lie on one grid"),
    ],
)
def test_masks_that_make_no_label_map_are_refused(masks, reason):
    with pytest.raises(ValueError, match=reason):
        merge_masks(masks)

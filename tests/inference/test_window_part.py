"""Parts of windows: no gap between them, whole at the borders, with what a head reads for them."""

from __future__ import annotations

import numpy as np
import pytest
from monai.data.utils import dense_patch_slices

from swinx.inference.backends.window_part import margin_voxels, window_part
from swinx.inference.windows.tiling import interval_of


@pytest.mark.parametrize("overlap", [0.0, 0.1, 0.25, 0.4, 0.5, 0.7])
@pytest.mark.parametrize("size", [(96, 130, 200), (97, 96, 145), (200, 100, 96)])
@pytest.mark.parametrize("roi", [(96, 96, 96), (64, 96, 32)])
def test_parts_without_half_the_overlap_cover_every_voxel(overlap, size, roi):
    covered = np.zeros(size, bool)
    interval = [interval_of(side, length, overlap) for side, length in zip(roi, size, strict=True)]
    for window in dense_patch_slices(size, roi, interval):
        part = window_part(window, size, roi, overlap / 2)
        covered[tuple(slice(w.start + p.start, w.start + p.stop) for w, p in zip(window, part.inside, strict=True))] = 1
    assert covered.all()


@pytest.mark.parametrize("start", [0, 40, 104])
@pytest.mark.parametrize("margin", [0.0, 0.125, 0.1875, 0.25])
def test_what_is_read_and_kept_lies_where_the_part_lies(start, margin):
    """Positions as values: cut as head and middle cut, they are those of the part."""
    window = [slice(start, start + 96)] * 3
    part = window_part(window, (200, 200, 200), (96, 96, 96), margin)
    full, half, quarter = np.arange(96), np.arange(48), np.arange(24)
    features = made_of(half[part.skip[0]], quarter[part.coarse[0]])[part.features[0]]
    covered = made_of(full[part.image[0]], features)
    np.testing.assert_array_equal(covered[part.kept[0]], full[part.inside[0]])


def made_of(fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """Return the positions that a middle or a head returns: those of the fine map, where the coarse one lies."""
    covered = fine[: 2 * len(coarse)]
    np.testing.assert_array_equal(covered, np.repeat(2 * coarse, 2) + np.tile([0, 1], len(coarse)))
    return covered


def test_a_part_in_between_has_halos_and_one_at_the_border_none_on_that_side():
    part = window_part([slice(0, 96), slice(48, 144), slice(104, 200)], (200,) * 3, (96,) * 3, 0.25)
    assert part.inside == (slice(0, 72), slice(24, 72), slice(24, 96))
    assert part.image == (slice(0, 76), slice(20, 76), slice(20, 96))
    assert part.kept == (slice(0, 72), slice(4, 52), slice(4, 76))
    assert part.coarse == (slice(0, 20), slice(3, 20), slice(3, 24))
    assert part.skip == (slice(0, 42), slice(6, 42), slice(6, 48))
    assert part.features == (slice(0, 37), slice(4, 31), slice(4, 42))


def test_margins_are_even_and_rounded_down():
    assert [margin_voxels(96, margin) for margin in (0, 0.125, 0.2, 0.25)] == [0, 12, 18, 24]
    assert margin_voxels(32, 0.1875) == 6

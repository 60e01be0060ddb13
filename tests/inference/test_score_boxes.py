"""Boxes cover each part of a window once, and what is open at once is what windows share."""

from __future__ import annotations

import numpy as np
import pytest

from swinx.inference.windows.score_boxes import BoxGrid, most_open_voxels


def row(starts, side, across=(slice(0, 5), slice(0, 7))):
    return [(slice(start, start + side), *across) for start in starts]


def test_boxes_of_a_place_cover_it_once_and_nothing_else():
    places = [*row((0, 4, 9), 6), (slice(2, 8), slice(1, 3), slice(6, 7))]
    grid = BoxGrid(places)
    for place in places:
        covered = np.zeros((15, 5, 7), dtype=int)
        for box in grid.boxes(place):
            covered[grid.extent(box)] += 1
        expected = np.zeros_like(covered)
        expected[place] = 1
        np.testing.assert_array_equal(covered, expected)


def test_each_box_counts_the_windows_that_it_lies_in():
    places = row((0, 4, 8), 6)
    grid = BoxGrid(places)
    counts = {(grid.extent(box)[0].start, grid.extent(box)[0].stop): count for box, count in grid.count(places).items()}
    assert counts == {(0, 4): 1, (4, 6): 2, (6, 8): 1, (8, 10): 2, (10, 14): 1}


def test_windows_side_by_side_leave_nothing_open():
    assert most_open_voxels(row((0, 6, 12), 6)) == 0
    assert most_open_voxels([]) == 0


def test_what_two_windows_share_is_open_until_the_second():
    assert most_open_voxels(row((0, 4, 8), 6)) == 2 * 5 * 7


@pytest.mark.parametrize("count", [3, 4, 20])
def test_a_longer_row_has_no_more_open(count):
    assert most_open_voxels(row(range(0, 4 * count, 4), 8)) == 4 * 5 * 7


def test_a_window_that_never_comes_is_not_waited_for():
    assert most_open_voxels(row((0, 8), 6)) == 0

"""draw_view_starts: both boxes lie in one region, every place is as likely, small volumes still work."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from swinx.pretraining.two_views import draw_view_starts

SIDES = st.tuples(*[st.integers(1, 40)] * 3)


@given(SIDES, SIDES, SIDES, st.integers(0, 2**31))
def test_boxes_lie_in_the_volume_and_together_in_a_region(shape, view, more, seed):
    region = np.add(view, more)
    starts = draw_view_starts(shape, region, view, np.random.RandomState(seed))
    ends = starts + np.minimum(view, shape)
    assert starts.shape == (2, 3)
    assert (starts >= 0).all()
    assert (ends <= shape).all()
    assert (ends.max(axis=0) - starts.min(axis=0) <= np.minimum(region, shape)).all()


def test_each_place_in_the_region_is_as_likely_for_both_boxes_alone_and_together():
    """A volume as large as the region: 4 places along the first axis, 16 pairs of them."""
    random = np.random.RandomState(0)
    draws = np.array([draw_view_starts((8, 6, 6), (8, 6, 6), (5, 6, 6), random)[:, 0] for _ in range(4000)])
    pairs = np.histogram2d(*draws.T, bins=[np.arange(5)] * 2)[0]
    assert abs(pairs / 4000 - 1 / 16).max() < 0.02


def test_each_place_in_the_volume_is_as_likely_for_the_region():
    random = np.random.RandomState(0)
    starts = [draw_view_starts((9, 6, 6), (5, 6, 6), (5, 6, 6), random) for _ in range(4000)]
    assert all((first == second).all() for first, second in starts), "a region as large as a view holds one place"
    assert abs(np.bincount([first[0] for first, _ in starts], minlength=5) / 4000 - 0.2).max() < 0.03


def test_the_global_generator_has_no_say():
    np.random.seed(0)  # noqa: NPY002
    one = draw_view_starts((40, 40, 40), (30, 30, 30), (20, 20, 20), np.random.RandomState(3))
    np.random.seed(1)  # noqa: NPY002
    assert (one == draw_view_starts((40, 40, 40), (30, 30, 30), (20, 20, 20), np.random.RandomState(3))).all()

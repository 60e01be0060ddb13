"""The body box leaves out air and table, and keeps lungs inside the body."""

from __future__ import annotations

import numpy as np
import pytest

from swinx.preprocessing.body import body_box_mm, largest_component

SPACING = (3.0, 3.0, 5.0)


def scan(table_gap: int = 0, bridge: bool = False) -> np.ndarray:
    """A body of 40 x 30 columns with lungs, above a thin wide table."""
    volume = np.full((80, 70, 20), -1000.0, dtype=np.float32)
    volume[20:60, 25:55] = 40.0
    volume[25:35, 30:45, 10:] = -850.0
    volume[5:75, 25 - 2 - table_gap : 25 - table_gap] = 200.0
    if bridge:
        volume[38:41, 25 - table_gap : 25] = 100.0
    return volume


@pytest.mark.parametrize(("gap", "bridge"), [(4, False), (0, False), (4, True)])
def test_table_goes_whether_apart_touching_or_bridged(gap, bridge):
    box = body_box_mm(scan(gap, bridge), SPACING, margin_mm=0)
    # Touching, the opening may leave up to its own radius of the table under the body.
    np.testing.assert_allclose(box[:, 0], (20 * 3, 59 * 3), atol=1e-6)
    assert 25 * 3 - 6 <= box[0, 1] <= 25 * 3
    assert box[1, 1] == 54 * 3


def test_body_that_reaches_the_edge_of_the_scan_is_kept_to_the_edge():
    box = body_box_mm(scan(4), SPACING, margin_mm=0)
    assert box[:, 2].tolist() == [0, 19 * 5]


def test_margin_is_in_millimetres():
    bare, wide = (body_box_mm(scan(4), SPACING, margin_mm=m) for m in (0.0, 12.5))
    np.testing.assert_allclose(wide - bare, [[-12.5] * 3, [12.5] * 3])


def test_air_alone_has_no_body():
    assert body_box_mm(np.full((10, 10, 10), -1000.0), SPACING) is None


def test_a_body_thinner_than_the_opening_is_still_found():
    volume = np.full((30, 30, 30), -1000.0)
    volume[10:12, 10:12, 10:12] = 0
    np.testing.assert_allclose(body_box_mm(volume, SPACING, margin_mm=0), [[30, 30, 50], [33, 33, 55]])


def test_largest_component_of_nothing_is_nothing():
    assert not largest_component(np.zeros((3, 3, 3), dtype=bool)).any()

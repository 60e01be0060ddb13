"""Solids: level 1 is the surface, the box holds the solid."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from swinx.cohorts.phantoms.solid_shapes import Ellipsoid, Tube

TURNED = Ellipsoid((5.0, -3.0, 2.0), (10.0, 4.0, 20.0), (20.0, -35.0, 50.0))
BENT = Tube([(0, 0, 0), (20, 5, 10), (30, 30, 25)], [4.0, 8.0, 3.0])


def _cloud(solid: Ellipsoid | Tube) -> np.ndarray:
    lower, upper = solid.bounds()
    margin = 0.5 * (upper - lower)
    points = np.random.default_rng(0).uniform(lower - margin, upper + margin, size=(50_000, 3))
    return points.T.astype(np.float32)


@pytest.mark.parametrize("solid", [TURNED, BENT], ids=["ellipsoid", "tube"])
def test_nothing_inside_lies_outside_the_box(solid):
    points = _cloud(solid)
    lower, upper = solid.bounds()
    in_box = np.all((points >= lower[:, None]) & (points <= upper[:, None]), axis=0)
    inside = solid.level(points) <= 1
    assert inside.any()
    assert in_box[inside].all()


def test_an_ellipsoid_has_its_volume():
    points = _cloud(TURNED)
    lower, upper = TURNED.bounds()
    inside = (TURNED.level(points) <= 1).mean() * np.prod(2 * (upper - lower))
    assert inside == pytest.approx(4 / 3 * np.pi * 10 * 4 * 20, rel=0.05)


def test_the_tip_of_a_turned_ellipsoid_is_on_its_surface():
    tip = np.array(TURNED.centre) + Rotation.from_euler("xyz", TURNED.angles_deg, degrees=True).apply([0, 0, 20])
    assert TURNED.level(tip.astype(np.float32)[:, None]) == pytest.approx(1, abs=1e-4)


def test_a_tube_passes_its_nodes_with_the_radius_given_there():
    nodes = np.array(BENT.nodes, dtype=np.float32).T
    np.testing.assert_allclose(BENT.level(nodes), 0, atol=1e-3)
    straight = Tube([(0, 0, 0), (0, 0, 10)], [2.0, 4.0])
    across = np.array([[2, 3, 4], [0, 0, 0], [0, 5, 10]], dtype=np.float32)
    np.testing.assert_allclose(straight.level(across), 1, rtol=0.1)


def test_levels_keep_the_shape_of_the_points():
    grid = np.stack(np.meshgrid(*[np.arange(4, dtype=np.float32)] * 3, indexing="ij"))
    assert TURNED.level(grid).shape == BENT.level(grid).shape == (4, 4, 4)


def test_a_tube_of_one_node_is_refused():
    with pytest.raises(ValueError, match="two nodes or more"):
        Tube([(0, 0, 0)], [1.0])

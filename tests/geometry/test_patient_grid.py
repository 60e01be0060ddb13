"""A grid is that of a CT if it is straight and has the size of a body."""

from __future__ import annotations

import numpy as np
import pytest

from support.geometry import oblique_affine
from swinx.geometry import find_grid_faults, find_grid_notes


def sheared(degrees: float, axes: tuple[int, int] = (1, 2)) -> np.ndarray:
    """An oblique grid one of whose axes leans towards another."""
    affine = oblique_affine("PSR")
    first, second = axes
    lean = np.tan(np.deg2rad(degrees)) * np.linalg.norm(affine[:3, second])
    affine[:3, second] += affine[:3, first] / np.linalg.norm(affine[:3, first]) * lean
    return affine


def test_an_oblique_grid_of_a_body_has_no_faults(oblique):
    assert find_grid_faults(oblique, (200, 180, 100)) == []
    assert find_grid_notes(oblique, (200, 180, 100)) == []


@pytest.mark.parametrize("axes", [(0, 1), (0, 2), (1, 2), (2, 0)])
@pytest.mark.parametrize("degrees", [1, 20, -20])
def test_shear_is_a_fault_with_its_angle(axes, degrees):
    (fault,) = find_grid_faults(sheared(degrees, axes), (200, 180, 100))
    assert f"tilted by {abs(degrees):.1f} degrees" in fault


def test_rounding_of_single_precision_is_no_shear():
    affine = np.float32(oblique_affine(degrees=33.3)).astype(np.float64)
    assert find_grid_faults(affine, (200, 180, 100)) == []


@pytest.mark.parametrize(("shape", "refused"), [((1500, 10, 10), False), ((1600, 10, 10), True), ((6, 10, 10), True)])
def test_an_axis_has_a_centimetre_to_two_and_a_half_metres(shape, refused):
    assert bool(find_grid_faults(oblique_affine(), shape)) is refused


def test_a_label_map_may_be_small():
    assert find_grid_faults(oblique_affine(), (3, 3, 3), of_scan=False) == []


@pytest.mark.parametrize("codes", ["RAS", "PSR", "SLA"])
def test_only_the_width_across_the_body_is_odd(codes):
    axial = codes.index("S")
    shape = [100, 100, 100]
    shape[axial] = 950
    affine = oblique_affine(codes, (2.0, 2.0, 2.0))
    assert find_grid_notes(affine, shape) == []
    shape[axial - 1] = 650
    assert "across the body" in find_grid_notes(affine, shape)[0]

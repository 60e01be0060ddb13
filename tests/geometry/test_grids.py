"""Voxel grids: sizes, faults, agreement and the axial axis, on oblique and anisotropic affines."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from swinx.geometry import axial_axis, check_affine, compare_grids, grid_difference_mm, voxel_sizes_mm

SHAPE = (40, 30, 20)


def oblique(spacing_mm=(0.7, 0.9, 2.5), degrees=(10.0, -15.0, 20.0), signs=(-1, -1, 1)):
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix() * np.multiply(spacing_mm, signs)
    affine[:3, 3] = (-120.5, 80.25, -930.0)
    return affine


@given(st.tuples(*[st.floats(-180, 180)] * 3), st.tuples(*[st.floats(0.1, 10.0)] * 3))
def test_voxel_sizes_do_not_depend_on_orientation(degrees, spacing_mm):
    affine = oblique(spacing_mm, degrees)
    np.testing.assert_allclose(voxel_sizes_mm(affine), spacing_mm)
    assert check_affine(affine, SHAPE) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param(lambda a: a[:3, 1].fill(0), "0 is not a voxel size", id="zero-column"),
        pytest.param(lambda a: a[:3, 2].__setitem__(slice(None), a[:3, 0]), "singular", id="parallel-axes"),
        pytest.param(lambda a: a.__setitem__((0, 3), np.nan), "NaN or infinite", id="nan-origin"),
        pytest.param(lambda a: a[:3, :3].__imul__(0.001), "outside 0.05..50 mm", id="metres"),
        pytest.param(lambda a: a[:3, 2].__imul__(100), "outside 0.05..50 mm", id="absurdly-thick"),
        pytest.param(lambda a: a[3].fill(0), "last row", id="last-row"),
    ],
)
def test_an_unusable_affine_is_named(change, fault):
    affine = oblique()
    change(affine)
    assert any(fault in found for found in check_affine(affine, SHAPE))


def test_a_2d_shape_has_no_grid():
    assert "2 array axes" in check_affine(oblique(), (4, 4))[0]


def test_a_shift_is_measured_in_mm():
    shifted = oblique()
    shifted[:3, 3] += (3.0, 0.0, 4.0)
    assert grid_difference_mm(oblique(), SHAPE, shifted, SHAPE) == pytest.approx(5.0)


def test_no_voxel_differs_by_more_than_the_worst_corner():
    turned = oblique(degrees=(12.0, -15.0, 20.0))
    voxels = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1).reshape(-1, 3)
    apart = nib.affines.apply_affine(oblique(), voxels) - nib.affines.apply_affine(turned, voxels)
    worst = np.linalg.norm(apart, axis=1).max()
    assert grid_difference_mm(oblique(), SHAPE, turned, SHAPE) == pytest.approx(worst)


def test_grids_of_different_shape_are_infinitely_apart():
    assert grid_difference_mm(oblique(), SHAPE, oblique(), (40, 30, 21)) == float("inf")


@pytest.mark.parametrize(
    ("shift_mm", "faults", "notes"),
    [
        pytest.param(0.0, 0, 0, id="same"),
        pytest.param(1e-5, 0, 0, id="rounding"),
        pytest.param(0.1, 0, 1, id="tiny"),
        pytest.param(0.3, 1, 0, id="half-a-voxel"),
        pytest.param(50.0, 1, 0, id="far"),
    ],
)
def test_tiny_differences_are_noted_and_large_ones_refused(shift_mm, faults, notes):
    shifted = oblique()
    shifted[0, 3] += shift_mm
    found = compare_grids(oblique(), SHAPE, shifted, SHAPE)
    assert (len(found[0]), len(found[1])) == (faults, notes)


def test_a_mirrored_axis_is_refused_though_spacing_agrees():
    assert compare_grids(oblique(), SHAPE, oblique(signs=(1, -1, 1)), SHAPE)[0]


@pytest.mark.parametrize("code", ["RAS", "LPS", "SAR", "PIR", "ASL", "IRP"])
def test_the_axial_axis_is_the_one_named_s_or_i(code):
    turn = nib.orientations.ornt_transform(*map(nib.orientations.axcodes2ornt, ("RAS", code)))
    affine = oblique(signs=(1, 1, 1)) @ nib.orientations.inv_ornt_aff(turn, SHAPE)
    assert "".join(nib.aff2axcodes(affine)) == code
    assert axial_axis(affine) == [axis in "SI" for axis in code].index(True)


def test_a_singular_affine_has_no_axial_axis():
    with pytest.raises(ValueError, match="no axial axis"):
        axial_axis(np.diag([1.0, 1.0, 0.0, 1.0]))


def test_an_affine_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"shape \(3, 3\)"):
        voxel_sizes_mm(np.eye(3))

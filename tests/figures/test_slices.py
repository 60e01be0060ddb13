"""Slices for display: radiological, from any orientation, where the organs are."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from swinx.figures import VIEWS, choose_slices, crop_to_labels, cut, plane_size_mm, to_canonical
from swinx.labels import FlareLabel

ORIENTATIONS = ["RAS", "LPS", "LAS", "PIR", "SLA", "ARI", "IRP"]
AXIAL, CORONAL, SAGITTAL = VIEWS


def oblique(affine: np.ndarray, degrees: float = 12) -> np.ndarray:
    turned = np.eye(4)
    turned[:3, :3] = Rotation.from_euler("xyz", [degrees, -degrees / 2, degrees / 3], degrees=True).as_matrix()
    return turned @ affine


def stored_as(codes: str, volume: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Store an RAS volume with its axes in another order and direction; no voxel moves in the world."""
    transform = nib.orientations.ornt_transform(nib.io_orientation(affine), nib.orientations.axcodes2ornt(codes))
    back = nib.orientations.inv_ornt_aff(transform, volume.shape)
    return nib.apply_orientation(volume, transform), affine @ back


@pytest.fixture
def scan() -> tuple[np.ndarray, np.ndarray]:
    volume = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    affine = np.diag([0.8, 0.9, 5.0, 1.0])
    affine[:3, 3] = [-30, 20, -400]
    return volume, affine


@pytest.mark.parametrize("codes", ORIENTATIONS)
@pytest.mark.parametrize("tilt", [0, 12])
def test_canonical_undoes_any_storage_order(scan, codes, tilt):
    volume, affine = scan[0], oblique(scan[1], tilt)
    stored, stored_affine = stored_as(codes, volume, affine)
    assert "".join(nib.aff2axcodes(stored_affine)) == codes
    upright, upright_affine = to_canonical(stored, stored_affine)
    np.testing.assert_array_equal(upright, volume)
    np.testing.assert_allclose(upright_affine, affine, atol=1e-9)


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_canonical_is_nibabels(scan, codes):
    stored, affine = stored_as(codes, *scan)
    image = nib.as_closest_canonical(nib.Nifti1Image(stored.astype(np.int16), affine))
    upright, upright_affine = to_canonical(stored, affine)
    np.testing.assert_array_equal(upright, np.asarray(image.dataobj))
    np.testing.assert_allclose(upright_affine, image.affine)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_the_edges_of_a_view_face_where_its_marks_say(view):
    """Light the voxel layer that lies furthest in each direction; it must appear at the edge so marked."""
    towards = {"R": (0, -1), "L": (0, 0), "A": (1, -1), "P": (1, 0), "S": (2, -1), "I": (2, 0)}
    edges = {"left": np.s_[:, 0], "right": np.s_[:, -1], "bottom": np.s_[0, :], "top": np.s_[-1, :]}
    for edge, where in edges.items():
        axis, index = towards[getattr(view, edge)]
        volume = np.zeros((4, 5, 6), np.uint8)
        volume[(slice(None),) * axis + (index,)] = 1
        plane = cut(volume, view, 2)
        assert plane[where].all(), edge
        assert plane.sum() == plane[where].sum(), edge


def test_marks_of_a_view_are_opposites():
    opposite = {frozenset("RL"), frozenset("AP"), frozenset("IS")}
    for view in VIEWS:
        assert {frozenset((view.left, view.right)), frozenset((view.bottom, view.top))} < opposite
        assert "xyz"[view.axis] == {"axial": "z", "coronal": "y", "sagittal": "x"}[view.name]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_the_size_in_mm_fits_the_shape_of_the_cut(view):
    spacing = (0.5, 2.0, 7.0)
    rows, columns = cut(np.zeros((4, 5, 6)), view, 1).shape
    horizontal, vertical = (spacing[axis] for axis in range(3) if axis != view.axis)
    assert plane_size_mm((4, 5, 6), spacing, view) == (columns * horizontal, rows * vertical)


def test_slices_go_through_the_largest_area_of_a_single_organ():
    labels = np.zeros((10, 11, 12), np.uint8)
    labels[4:7, 4:7, 3:9] = FlareLabel.LIVER
    labels[2:9, 3:9, 7] = FlareLabel.LIVER
    assert choose_slices(labels)[2] == 7


def test_a_slice_with_two_small_organs_beats_one_with_the_largest_organ():
    labels = np.zeros((20, 20, 10), np.uint8)
    labels[:, :, 1] = FlareLabel.LIVER
    labels[2:4, 2:4, 6] = FlareLabel.SPLEEN
    labels[7:9, 7:9, 6] = FlareLabel.AORTA
    assert choose_slices(labels)[2] == 6


def test_without_labels_the_middle_is_shown():
    assert choose_slices(np.zeros((10, 11, 12), np.uint8)) == (5, 5, 6)


def test_the_crop_keeps_the_margin_in_mm_and_stays_inside():
    labels = np.zeros((100, 100, 20), np.uint8)
    labels[50:60, 95:99, 8:10] = FlareLabel.SPLEEN
    box = crop_to_labels(labels, np.diag([0.5, 2.0, 4.0, 1.0]), margin_mm=10)
    assert box == (slice(30, 80), slice(90, 100), slice(5, 13))


def test_without_labels_nothing_is_cropped():
    assert crop_to_labels(np.zeros((3, 4, 5), np.uint8), np.eye(4), 10) == (slice(0, 3), slice(0, 4), slice(0, 5))


def test_all_views_and_positions_of_a_volume_can_be_cut():
    volume = np.zeros((3, 4, 5))
    for view in VIEWS:
        for index in range(volume.shape[view.axis]):
            expected = tuple(volume.shape[axis] for axis in itertools.chain(range(view.axis), range(view.axis + 1, 3)))
            assert cut(volume, view, index).shape == expected[::-1]

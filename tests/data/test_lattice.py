"""A label map turned onto another axis order keeps every voxel at its place."""

from __future__ import annotations

from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest

from support.geometry import oblique_affine
from swinx.data.dicom_seg.lattice import onto_lattice

SHAPE = (4, 5, 3)
LABELS = np.arange(60).reshape(SHAPE)
TURNS = [(order, flips) for order in permutations(range(3)) for flips in product((1, -1), repeat=3)]


def turned(order, flips):
    """The label map with exchanged and mirrored axes, and its affine."""
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for axis, (source, flip) in enumerate(zip(order, flips, strict=True)):
        matrix[source, axis], matrix[source, 3] = flip, 0 if flip > 0 else SHAPE[source] - 1
    slices = tuple(slice(None, None, flip) for flip in flips)
    return LABELS.transpose(order)[slices], matrix


@pytest.mark.parametrize(("order", "flips"), TURNS)
def test_all_48_axis_orders_are_undone(order, flips):
    affine = oblique_affine("PSR")
    labels, turn = turned(order, flips)
    point = (1, 2, 1)
    index = np.linalg.inv(turn) @ [*point, 1]
    assert labels[tuple(index[:3].round().astype(int))] == LABELS[point], "the test must turn what it says"
    np.testing.assert_array_equal(onto_lattice(labels, affine @ turn, affine, SHAPE), LABELS)


def test_rounding_is_accepted_and_a_shift_by_half_a_voxel_is_not():
    affine = oblique_affine()
    rounded = affine.astype(np.float32).astype(float)
    np.testing.assert_array_equal(onto_lattice(LABELS, rounded, affine, SHAPE), LABELS)
    shifted = affine @ nib.affines.from_matvec(np.eye(3), (0.5, 0, 0))
    with pytest.raises(ValueError, match="mm apart"):
        onto_lattice(LABELS, shifted, affine, SHAPE)


@pytest.mark.parametrize("scale", [(2, 1, 1), (1, 1, 0.5)])
def test_another_spacing_is_refused(scale):
    with pytest.raises(ValueError, match="mm apart"):
        onto_lattice(LABELS, oblique_affine() @ np.diag([*scale, 1]), oblique_affine(), SHAPE)


def test_another_shape_and_a_singular_affine_are_refused():
    with pytest.raises(ValueError, match="shape 4 x 5 x 4 and label of shape 4 x 5 x 3"):
        onto_lattice(LABELS, oblique_affine(), oblique_affine(), (4, 5, 4))
    with pytest.raises(ValueError, match="singular"):
        onto_lattice(LABELS, np.diag([1.0, 1, 0, 1]), oblique_affine(), SHAPE)

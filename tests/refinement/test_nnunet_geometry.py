"""nnU-Net's view of a scan: what its readers give, to the last bit, and back again."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from support.geometry import oblique_affine
from swinx.refinement.teachers.nnunet.nnunet_geometry import from_nnunet, spacing_of, to_nnunet

SHAPE = (7, 6, 5)


def volume() -> np.ndarray:
    return np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)


@pytest.mark.parametrize("name", ["scan.nii.gz", "scan.nii", "scan.mha"])
def test_the_voxel_size_is_what_simpleitk_reads(tmp_path, oblique, name):
    nib.save(nib.Nifti1Image(volume(), oblique), tmp_path / "scan.nii.gz")
    if name != "scan.nii.gz":
        SimpleITK.WriteImage(SimpleITK.ReadImage(str(tmp_path / "scan.nii.gz")), str(tmp_path / name))
    stated = SimpleITK.ReadImage(str(tmp_path / name)).GetSpacing()
    assert tuple(spacing_of(oblique, SHAPE, tmp_path / name)) == stated


def test_without_a_file_of_its_own_the_affine_decides(tmp_path, oblique):
    other = tmp_path / "other.nii.gz"
    nib.save(nib.Nifti1Image(volume(), oblique_affine("LPS", (1.0, 1.0, 1.0))), other)
    for file in (None, tmp_path / "gone.nii.gz", other):
        np.testing.assert_allclose(spacing_of(oblique, SHAPE, file), (1.6, 1.8, 2.5), rtol=1e-6)


def test_voxels_are_in_the_order_of_simpleitk(tmp_path, oblique):
    nib.save(nib.Nifti1Image(volume(), oblique), tmp_path / "scan.nii.gz")
    read = SimpleITK.ReadImage(str(tmp_path / "scan.nii.gz"))
    voxels, spacing = to_nnunet(volume(), oblique, np.array(read.GetSpacing()), reorient=False)
    np.testing.assert_array_equal(voxels[0], SimpleITK.GetArrayFromImage(read))
    assert spacing == list(read.GetSpacing())[::-1]


def test_readers_that_turn_to_ras_are_followed_in_voxels_and_sizes(oblique):
    canonical = nib.as_closest_canonical(nib.Nifti1Image(volume(), oblique))
    voxels, spacing = to_nnunet(volume(), oblique, np.array([1.6, 1.8, 2.5]), reorient=True)
    np.testing.assert_array_equal(voxels[0], np.asarray(canonical.dataobj).transpose(2, 1, 0))
    np.testing.assert_allclose(spacing[::-1], canonical.header.get_zooms(), rtol=1e-6)


@pytest.mark.parametrize("reorient", [False, True])
def test_labels_come_back_in_the_order_of_the_scan(oblique, reorient):
    voxels, _ = to_nnunet(volume(), oblique, np.ones(3), reorient)
    np.testing.assert_array_equal(from_nnunet(voxels[0], oblique, reorient), volume())

"""NIfTI writing: exact geometry, same bytes, nothing half-written."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from swinx.nifti import write_nifti

OBLIQUE = np.array([[-0.8, 0.1, 0.2, 10], [-0.1, -0.9, 0.3, -20], [0.05, 0.1, 2.5, 300], [0, 0, 0, 1.0]])


def test_geometry_dtype_and_voxels_come_back(tmp_path):
    affine = OBLIQUE.astype(np.float32).astype(float)
    volume = np.random.default_rng(0).integers(-1024, 3071, size=(5, 6, 7), dtype=np.int16)
    write_nifti(tmp_path / "a.nii.gz", volume, affine)
    back = nib.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(back.affine, affine)
    np.testing.assert_array_equal(np.asanyarray(back.dataobj), volume)
    assert back.get_data_dtype() == np.int16
    assert back.header["sform_code"] == back.header["qform_code"] == 1


def test_equal_arrays_make_equal_bytes_under_another_name(tmp_path):
    volume = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    for name in ("a", "b"):
        write_nifti(tmp_path / f"{name}.nii.gz", volume, OBLIQUE)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_a_description_that_does_not_fit_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="at most 79"):
        write_nifti(tmp_path / "a.nii", np.zeros((2, 2, 2), np.uint8), np.eye(4), "x" * 80)
    assert not list(tmp_path.iterdir())

"""DICOM series of MR: read where the settings are not for HU, and refused with a sentence where they are."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from monai.transforms import LoadImage

from support.ct_series import series_uid, some_hu, write_ct_series
from support.geometry import oblique_affine
from swinx.data import CTReader, check_data, find_cases, read_volume
from swinx.data.dicom.dicom_series import stack_slices
from swinx.errors import CaseError, DataListError

AFFINE = oblique_affine("RAS", (1.3, 1.7, 4.0))
VALUES = np.abs(some_hu((9, 8, 6)))


def as_mr(ds, index):
    """Make a slice one of MR: no unit, no rescaling or, as Philips has it, one of its own, and padding."""
    ds.Modality, ds.SOPClassUID = "MR", "1.2.840.10008.5.1.4.1.1.4"
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.PixelData = VALUES[:, :, index].T.astype("<u2").tobytes()
    ds.PixelPaddingValue = 0
    del ds.RescaleType
    if index % 2:
        ds.RescaleSlope, ds.RescaleIntercept = "2.5", "0"
    else:
        del ds.RescaleSlope, ds.RescaleIntercept


@pytest.fixture
def mr(tmp_path):
    return write_ct_series(tmp_path / "mr", some_hu((9, 8, 6)), AFFINE, change=as_mr)


def test_an_mr_series_is_read_with_its_own_scale_on_its_oblique_grid(mr):
    volume = read_volume(mr, hu=False)
    scale = np.where(np.arange(6) % 2, 2.5, 1.0)
    spot = tuple(np.linalg.solve(volume.affine, AFFINE @ [2, 3, 4, 1])[:3].round().astype(int))
    assert volume.array[spot] == pytest.approx(VALUES[2, 3, 4])
    np.testing.assert_allclose(np.sort(volume.array.ravel()), np.sort((VALUES * scale).ravel()), rtol=1e-5)
    assert volume.notes == ()
    loaded = LoadImage(CTReader(hu=False), image_only=True)(str(mr))
    assert loaded.shape == volume.array.shape


def test_settings_for_hu_refuse_it_in_one_sentence(mr):
    with pytest.raises(CaseError, match=r"no CT in this folder, but .*MR of 6 files.*hu_window are for CT in HU"):
        read_volume(mr)
    with pytest.raises(CaseError, match=r"is MR, not CT; .*percentiles or zscore"):
        stack_slices(mr, series_uid())
    with pytest.raises(DataListError, match=r"MR, no CT image"):
        find_cases(mr.parent)


def test_folders_are_searched_for_the_kind_of_scan_that_is_wanted(mr):
    assert [item["case"] for item in find_cases(mr.parent, hu=False)] == ["mr"]
    assert check_data(mr.parent, hu=False).ok
    write_ct_series(mr, some_hu((9, 8, 5)), AFFINE, series=2)
    write_ct_series(mr.parent / "ct", some_hu((9, 8, 5)), AFFINE, series=3)
    found = {item["case"]: item["series"] for item in find_cases(mr.parent, hu=False)}
    assert found == {"ct": series_uid(3), "mr": series_uid()}
    assert len(stack_slices(mr, hu=False).files) == 6
    assert len(stack_slices(mr).files) == len(stack_slices(mr, hu=None).files) == 5
    assert {item["series"] for item in find_cases(mr.parent)} == {series_uid(2), series_uid(3)}


def test_trained_weights_say_that_they_do_not_segment_mr(tmp_path, caplog):
    import nibabel as nib

    path = tmp_path / "mr.nii.gz"
    nib.save(nib.Nifti1Image(np.clip(VALUES, 0, 255).astype(np.int16), AFFINE), path)
    with caplog.at_level(logging.WARNING):
        LoadImage(CTReader(trained=True), image_only=True)(str(path))
    assert "the weights were trained on CT in HU, and do not segment MR" in caplog.text
    assert "set intensity" not in caplog.text
    assert "to train on MR, or other scans than CT, set intensity" in read_volume(path).notes[0]
    assert read_volume(path, hu=False, trained=True).notes == ()

"""What scanners, archives and anonymisers do to a series is an error or a note, never a wrong volume."""

from __future__ import annotations

import shutil

import imagecodecs
import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from support.ct_series import FRAME, ct_slice, series_uid, some_hu, write_ct_series
from support.geometry import oblique_affine
from swinx.data import pick_series, read_volume
from swinx.errors import CaseError, DataListError

HU = some_hu((64, 60, 4))


def refusal(path) -> str:
    with pytest.raises(CaseError) as caught:
        read_volume(path)
    assert caught.value.path == str(path)
    return caught.value.reason


def series_with(tmp_path, change, **options):
    return write_ct_series(tmp_path / "series", change=change, **options)


def by_position(volume, affine) -> np.ndarray:
    """The voxels of a volume in the axis order of another affine of the same grid."""
    index = np.indices(volume.array.shape).reshape(3, -1).T
    place = nib.affines.apply_affine(np.linalg.inv(affine) @ volume.affine, index)
    assert np.abs(place - place.round()).max() < 0.01
    out = np.full(volume.array.shape, -9999)
    out[tuple(place.round().astype(int).T)] = volume.array.ravel()
    return out


def test_slices_in_any_order_of_names_are_where_they_were(tmp_path, oblique):
    volume = read_volume(write_ct_series(tmp_path / "series", affine=oblique))
    np.testing.assert_array_equal(by_position(volume, oblique), some_hu())


@pytest.mark.parametrize("signs", [(-1, 1, 1), (1, -1, 1), (1, 1, -1), (-1, -1, -1)])
def test_negated_direction_cosines_move_no_voxel(tmp_path, signs):
    affine = np.diag([1.6 * signs[0], 1.8 * signs[1], 2.5 * signs[2], 1.0])
    volume = read_volume(write_ct_series(tmp_path / "series", affine=affine))
    np.testing.assert_array_equal(by_position(volume, affine), some_hu())


def test_instance_numbers_against_the_positions_do_not_matter(tmp_path):
    def change(ds, index):
        ds.InstanceNumber = [3, 1, 6, 2, 5, 4][index]

    affine = oblique_affine()
    volume = read_volume(series_with(tmp_path, change, affine=affine))
    np.testing.assert_array_equal(by_position(volume, affine), some_hu())


@pytest.mark.parametrize("keyword", ["PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient"])
def test_a_missing_geometry_tag_is_refused_and_not_guessed(tmp_path, keyword):
    def change(ds, index):
        if index == 3:
            del ds[keyword]

    assert "is missing from 1_" in refusal(series_with(tmp_path, change))


def test_a_tilted_gantry_is_refused_with_its_angle(tmp_path):
    def change(ds, index):
        ds.ImagePositionPatient = [0, 2.5 * index * np.tan(np.deg2rad(15)), 2.5 * index]

    assert "tilted by 15.0 degrees" in refusal(series_with(tmp_path, change))


def test_uneven_spacing_is_refused(tmp_path):
    def change(ds, index):
        ds.ImagePositionPatient = [0, 0, [0, 2, 4, 6, 8, 13][index]]

    assert "2 mm as a rule, but 5 mm after slice 5" in refusal(series_with(tmp_path, change))


def test_a_missing_slice_is_refused(tmp_path):
    assert "missing slices" in refusal(write_ct_series(tmp_path / "series", skip=(2,)))


def test_direction_cosines_that_are_no_axes_are_refused(tmp_path):
    def change(ds, _):
        ds.ImageOrientationPatient = [1, 0, 0, 0.5, 1, 0]

    assert "not two unit vectors at right angles" in refusal(series_with(tmp_path, change))


def test_slices_of_one_position_are_refused_as_several_phases(tmp_path):
    def change(ds, index):
        ds.ImagePositionPatient = [0, 0, 2.5 * (index // 2)]

    assert "3 of 6 slices share one position with another" in refusal(series_with(tmp_path, change))


def test_a_copy_of_a_slice_is_left_out_with_a_note(tmp_path):
    folder = write_ct_series(tmp_path / "series")
    whole = read_volume(folder)
    shutil.copy(folder / "1_000.dcm", folder / "copy of 1_000.dcm")
    volume = read_volume(folder)
    np.testing.assert_array_equal(volume.array, whole.array)
    assert "left out 1 files" in volume.notes[0]
    assert whole.notes == ()


def test_slices_of_one_instance_uid_are_no_copies_where_their_positions_differ(tmp_path):
    whole = read_volume(write_ct_series(tmp_path / "whole"))

    def change(ds, _):
        ds.SOPInstanceUID = "1.2.3"

    np.testing.assert_array_equal(read_volume(series_with(tmp_path, change)).array, whole.array)


@pytest.mark.parametrize("spacing", [["-1.8", "1.6"], ["1.8", "-1.6"]])
def test_a_negative_pixel_spacing_is_refused_and_mirrors_nothing(tmp_path, spacing):
    def change(ds, _):
        ds.PixelSpacing = spacing

    assert "is not a voxel size" in refusal(series_with(tmp_path, change))


@pytest.mark.parametrize(("stored", "high"), [(12, 15), (16, 14), (12, 3)])
def test_bits_that_do_not_end_below_the_stored_ones_are_refused(tmp_path, stored, high):
    def change(ds, _):
        ds.BitsStored, ds.HighBit = stored, high

    assert f"stores {stored} bits up to bit {high}" in refusal(series_with(tmp_path, change))


def test_slices_without_an_instance_uid_are_no_copies(tmp_path):
    def change(ds, _):
        del ds.SOPInstanceUID

    assert read_volume(series_with(tmp_path, change)).array.shape == (9, 8, 6)


def test_a_localizer_in_the_series_is_left_out_with_a_note(tmp_path):
    def change(ds, index):
        if index == 5:
            ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
            ds.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]

    volume = read_volume(series_with(tmp_path, change))
    assert volume.array.shape == (9, 8, 5)
    assert "left out 1 localizers" in volume.notes[0]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("size", lambda ds: setattr(ds, "Rows", 4) or setattr(ds, "PixelData", ds.PixelData[: 4 * 9 * 2])),
        ("pixel spacing", lambda ds: setattr(ds, "PixelSpacing", ["0.9", "0.7"])),
        ("frame of reference", lambda ds: setattr(ds, "FrameOfReferenceUID", f"{FRAME}.9")),
    ],
)
def test_slices_that_differ_in_geometry_are_refused(tmp_path, name, change):
    reason = refusal(series_with(tmp_path, lambda ds, index: change(ds) if index == 4 else None))
    assert f"slices differ in {name}" in reason


def test_another_modality_is_refused(tmp_path):
    def change(ds, _):
        ds.Modality = "MR"

    reason = refusal(series_with(tmp_path, change))
    assert f"no CT in this folder, but {series_uid()} (MR of 6 files, 'series 1')" in reason


def test_a_ct_beside_a_longer_series_of_another_modality_is_taken(tmp_path):
    def change(ds, _):
        ds.Modality = "PT"

    series_with(tmp_path, change, hu=some_hu((9, 8, 12)), series=2)
    assert read_volume(write_ct_series(tmp_path / "series")).array.shape == (9, 8, 6)


def test_files_that_are_no_images_are_passed_over(tmp_path):
    folder = write_ct_series(tmp_path / "series")
    other = ct_slice(some_hu(), np.eye(4), 0, series=7)
    del other.PixelData, other.Rows, other.Columns
    other.SOPClassUID = other.file_meta.MediaStorageSOPClassUID = pydicom.uid.RTStructureSetStorage
    other.Modality = "RTSTRUCT"
    other.save_as(folder / "structures.dcm", enforce_file_format=True)
    assert read_volume(folder).array.shape == (9, 8, 6)


def test_a_multi_frame_image_is_refused(tmp_path):
    def change(ds, _):
        ds.NumberOfFrames, ds.PixelData = 4, ds.PixelData * 4

    assert "multi-frame image of 4 frames" in refusal(series_with(tmp_path, change))


def test_an_enhanced_ct_is_refused(tmp_path):
    """One file with all slices, whose positions stand in functional groups."""
    ds = ct_slice(some_hu(), np.eye(4), 0)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = pydicom.uid.EnhancedCTImageStorage
    ds.NumberOfFrames, ds.PixelData = 6, ds.PixelData * 6
    del ds.ImagePositionPatient, ds.ImageOrientationPatient, ds.PixelSpacing
    (tmp_path / "series").mkdir()
    ds.save_as(tmp_path / "series" / "all.dcm", enforce_file_format=True)
    assert "multi-frame image of 6 frames (enhanced CT?)" in refusal(tmp_path / "series")


def test_colours_are_refused(tmp_path):
    def change(ds, _):
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelData = 8, 8, 7, bytes(9 * 8 * 3)
        del ds.RescaleSlope, ds.RescaleIntercept

    assert "3 values per voxel (RGB)" in refusal(series_with(tmp_path, change))


@pytest.mark.parametrize(
    "syntax", [RLELossless, JPEGLSLossless, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian]
)
def test_transfer_syntaxes_without_loss_give_the_same_voxels(tmp_path, syntax):
    def change(ds, _):
        if syntax.is_encapsulated:
            ds.compress(syntax, generate_instance_uid=False)
        else:
            ds.file_meta.TransferSyntaxUID = syntax

    volume = read_volume(series_with(tmp_path, change, hu=HU, affine=np.diag([-1.0, -1, 3, 1])))
    np.testing.assert_array_equal(volume.array, HU)


@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        (JPEGLosslessSV1, lambda pixels: imagecodecs.ljpeg_encode(pixels)),
        (JPEG2000Lossless, lambda pixels: imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True)),
    ],
    ids=["JPEG", "JPEG 2000"],
)
def test_jpeg_without_loss_gives_the_same_voxels(tmp_path, syntax, encode):
    def change(ds, index):
        ds.file_meta.TransferSyntaxUID = syntax
        ds.PixelData = encapsulate([encode((HU[:, :, index].T.astype(np.int32) + 1024).astype(np.uint16))])
        ds["PixelData"].is_undefined_length = True

    volume = read_volume(series_with(tmp_path, change, hu=HU, affine=np.diag([-1.0, -1, 3, 1])))
    np.testing.assert_array_equal(volume.array, HU)


def test_compression_with_loss_is_noted(tmp_path):
    def change(ds, _):
        ds.LossyImageCompression = "01"

    assert "compressed with loss" in read_volume(series_with(tmp_path, change)).notes[0]


def test_a_compression_that_cannot_be_decoded_is_refused_by_its_uid(tmp_path):
    def change(ds, _):
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.201"  # high-throughput JPEG 2000
        ds.PixelData = encapsulate([b"\xff\x4f\xff\x51" + bytes(96)])
        ds["PixelData"].is_undefined_length = True

    reason = refusal(series_with(tmp_path, change))
    assert "cannot decode (transfer syntax 1.2.840.10008.1.2.4.201)" in reason


def test_each_slice_is_rescaled_by_its_own_numbers(tmp_path):
    def change(ds, index):
        ds.RescaleSlope, ds.RescaleIntercept = ("1", "-1024") if index == 0 else ("0.5", "-512.25")

    array = read_volume(series_with(tmp_path, change, affine=np.diag([-2.0, -2, 2, 1]))).array
    np.testing.assert_array_equal(array[..., 0], some_hu()[..., 0])
    np.testing.assert_allclose(array[..., 1:], (some_hu()[..., 1:] + 1024) * 0.5 - 512.25)


def unscaled(signed):
    """Remove the rescaling; signed numbers are then HU, unsigned ones are not."""

    def change(ds, index):
        del ds.RescaleSlope, ds.RescaleIntercept
        if signed:
            ds.PixelRepresentation = 1
            ds.PixelData = some_hu()[:, :, index].T.astype("<i2").tobytes()

    return change


def test_without_rescaling_numbers_below_zero_are_taken_as_hu_with_a_note(tmp_path):
    volume = read_volume(series_with(tmp_path, unscaled(True), affine=np.diag([-2.0, -2, 2, 1])))
    np.testing.assert_array_equal(volume.array, some_hu())
    assert "no rescale slope and intercept" in volume.notes[0]


def test_without_rescaling_numbers_from_zero_on_are_refused(tmp_path):
    reason = refusal(series_with(tmp_path, unscaled(False)))
    assert "state no rescale slope and intercept" in reason
    assert "cannot be HU" in reason


def test_rescaling_that_only_some_slices_state_is_refused(tmp_path):
    def change(ds, index):
        if index == 2:
            unscaled(True)(ds, index)

    assert "1 of 6 slices" in refusal(series_with(tmp_path, change))


def test_values_in_another_unit_are_refused(tmp_path):
    def change(ds, _):
        ds.RescaleType = "Z_EFF"

    assert "the values are in Z_EFF, not in HU" in refusal(series_with(tmp_path, change))


def test_a_header_without_modality_is_noted(tmp_path):
    def change(ds, _):
        del ds.Modality

    assert "states no modality" in read_volume(series_with(tmp_path, change)).notes[0]


def test_two_series_are_told_apart_in_the_message(tmp_path):
    write_ct_series(tmp_path / "study", series=1)
    reason = refusal(write_ct_series(tmp_path / "study", series=2))
    assert f"{series_uid(1)} (CT of 6 files, 'series 1')" in reason
    assert f"{series_uid(2)} (CT of 6 files, 'series 2')" in reason
    assert "give the path of one slice" in reason
    assert "--series UID" in reason


def test_a_series_is_picked_by_its_uid(tmp_path):
    write_ct_series(tmp_path / "study", hu=some_hu(seed=1), series=1)
    folder = write_ct_series(tmp_path / "study", hu=some_hu(seed=2), series=2)
    items = [{"image": str(folder), "case": "study"}, {"image": "elsewhere.nii.gz", "case": "b"}]
    (study,) = pick_series(items, series_uid(2))
    volume = read_volume(study["image"])
    np.testing.assert_array_equal(by_position(volume, np.diag([-1.6, -1.8, 2.5, 1.0])), some_hu(seed=2))
    assert study["case"] == "study"
    assert pick_series(items) == items
    with pytest.raises(DataListError, match=rf"no scan is the DICOM series 1\.2\.3; .*found: {series_uid(1)}, "):
        pick_series(items, "1.2.3")

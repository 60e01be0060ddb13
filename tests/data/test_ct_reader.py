"""CTReader: one scan has one place in the patient, whatever the format it is stored in."""

from __future__ import annotations

import logging

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import torch
from monai.data import DataLoader, Dataset, list_data_collate
from monai.transforms import LoadImaged
from scipy.spatial.transform import Rotation

from support.dicom import write_series
from swinx.data import CTReader, read_volume
from swinx.errors import CaseError

SHAPE = (9, 8, 6)
SPACING_MM = (1.4, 1.8, 2.5)
POINTS = [(0, 0, 0), (8, 0, 0), (0, 7, 0), (0, 0, 5), (4, 3, 2)]


def oblique_image():
    """Return an anisotropic, oblique SimpleITK scan that is neither RAS nor LPS."""
    pixels = np.random.default_rng(0).integers(-1000, 900, SHAPE[::-1]).astype(np.int16)
    image = SimpleITK.GetImageFromArray(pixels)
    image.SetSpacing(SPACING_MM)
    image.SetOrigin((-101.5, 52.25, -800.75))
    turn = Rotation.from_euler("xyz", (10, -15, 20), degrees=True).as_matrix() @ [[0, 1, 0], [-1, 0, 0], [0, 0, 1]]
    image.SetDirection(turn.ravel().tolist())
    return image


def assert_same_scan(array, affine, image):
    """Assert that voxels and world positions (LPS to RAS) are those of the SimpleITK image."""
    assert array.shape == image.GetSize()
    for point in POINTS:
        assert array[point] == image[point]
        lps = np.array(image.TransformIndexToPhysicalPoint(point))
        np.testing.assert_allclose(nib.affines.apply_affine(affine, point), lps * (-1, -1, 1), atol=1e-3)


@pytest.mark.parametrize(
    "name", ["scan.nii", "scan.nii.gz", "scan.nrrd", "scan.nhdr", "scan.mha", "scan.mhd", "SCAN.MHA", "SCAN.NII.GZ"]
)
def test_every_format_puts_voxels_at_the_same_world_position(tmp_path, name):
    image = oblique_image()
    SimpleITK.WriteImage(image, str(tmp_path / name.lower()))
    (tmp_path / name.lower()).rename(tmp_path / name)
    volume = read_volume(tmp_path / name)
    assert_same_scan(volume.array, volume.affine, image)
    assert volume.array.dtype == np.int16
    assert volume.notes == ()


@pytest.mark.parametrize("as_slice", [False, True])
def test_a_dicom_series_puts_voxels_at_the_same_world_position(tmp_path, as_slice):
    image = oblique_image()
    folder = write_series(image, tmp_path / "1.2.840.113")
    volume = read_volume(sorted(folder.iterdir())[2] if as_slice else folder)
    # The stack may run either way along its normal; world positions decide.
    ends = nib.affines.apply_affine(volume.affine, [(0, 0, 0), (0, 0, 5)])
    first = np.array(image.TransformIndexToPhysicalPoint((0, 0, 0))) * (-1, -1, 1)
    if np.linalg.norm(ends[0] - first) > 1:
        image = image[:, :, ::-1]
    assert_same_scan(volume.array, volume.affine, image)


def test_load_imaged_gives_a_channel_first_float_tensor_with_the_stored_affine(tmp_path):
    SimpleITK.WriteImage(oblique_image(), str(tmp_path / "scan.nii.gz"))
    load = LoadImaged("image", reader=CTReader(), ensure_channel_first=True, image_only=True)
    image = load({"image": str(tmp_path / "scan.nii.gz")})["image"]
    assert image.shape == (1, *SHAPE)
    assert image.dtype == torch.float32
    np.testing.assert_array_equal(image.affine, nib.load(tmp_path / "scan.nii.gz").affine)
    assert image.meta["filename_or_obj"] == str(tmp_path / "scan.nii.gz")
    assert tuple(image.meta["spatial_shape"]) == SHAPE
    assert image.meta["space"] == "RAS"


def test_formats_may_be_mixed_in_a_batch(tmp_path):
    names = [str(tmp_path / name) for name in ("a.nii.gz", "b.nrrd", "c.mha")]
    for name in names:
        SimpleITK.WriteImage(oblique_image(), name)
    load = LoadImaged("image", reader=CTReader(), ensure_channel_first=True)
    data = Dataset([{"image": name} for name in names], load)
    batch = next(iter(DataLoader(data, batch_size=3, collate_fn=list_data_collate)))
    torch.testing.assert_close(batch["image"][0].as_tensor(), batch["image"][2].as_tensor())
    assert batch["image"].meta["filename_or_obj"] == names


def test_slope_and_intercept_are_applied_once_and_in_single_precision(tmp_path):
    stored = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    header = nib.Nifti1Header()
    header.set_slope_inter(0.5, -1024)
    nib.save(
        nib.Nifti1Image(stored * 0.5 - 1024, np.diag([4.0, 4, 4, 1]), header, dtype=np.int16), tmp_path / "scan.nii.gz"
    )
    proxy = nib.load(tmp_path / "scan.nii.gz").dataobj
    assert proxy.slope != 1, "the file must be scaled for this test to mean anything"
    volume = read_volume(tmp_path / "scan.nii.gz")
    assert volume.array.dtype == np.float32
    np.testing.assert_allclose(volume.array, stored * 0.5 - 1024, atol=1e-3)


@pytest.mark.parametrize("dtype", [">i2", ">f4", "<f8", "u2", "i4"])
def test_any_number_type_is_read_as_a_native_one(tmp_path, dtype):
    pixels = np.arange(60).reshape(3, 4, 5).astype(dtype)
    header = nib.Nifti1Header(endianness=">" if dtype.startswith(">") else "<")
    nib.save(nib.Nifti1Image(pixels, np.diag([4.0, 4, 4, 1]), header), tmp_path / "scan.nii")
    volume = read_volume(tmp_path / "scan.nii")
    assert volume.array.dtype.isnative
    assert volume.array.dtype.itemsize <= 4
    np.testing.assert_array_equal(volume.array, pixels)
    loaded = LoadImaged("image", reader=CTReader())({"image": str(tmp_path / "scan.nii")})["image"]
    np.testing.assert_array_equal(loaded, pixels)


def test_a_label_keeps_its_integers(tmp_path):
    label = np.random.default_rng(0).integers(0, 15, SHAPE).astype(np.uint8)
    nib.save(nib.Nifti1Image(label, np.eye(4)), tmp_path / "label.nii.gz")
    volume = read_volume(tmp_path / "label.nii.gz", kind="label")
    assert volume.array.dtype == np.uint8
    np.testing.assert_array_equal(volume.array, label)
    load = LoadImaged("label", reader=CTReader(kind="label"), dtype=None)
    loaded = load({"label": str(tmp_path / "label.nii.gz")})["label"]
    assert loaded.dtype == torch.uint8
    np.testing.assert_array_equal(loaded, label)


def test_a_label_with_unknown_voxels_is_read_where_it_is_allowed(tmp_path):
    label = np.random.default_rng(0).integers(0, 15, SHAPE).astype(np.uint8)
    label[2] = 255
    nib.save(nib.Nifti1Image(label, np.eye(4)), path := tmp_path / "label.nii.gz")
    load = LoadImaged("label", reader=CTReader(kind="label", allow_unknown=True))
    np.testing.assert_array_equal(load({"label": str(path)})["label"], label)
    with pytest.raises(CaseError, match=r"ids outside 0\.\.14: 255"):
        LoadImaged("label", reader=CTReader(kind="label"))({"label": str(path)})


def test_a_header_without_orientation_is_read_and_noted_once(tmp_path, caplog):
    image = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), None)
    image.header["pixdim"][1:4] = 4
    nib.save(image, tmp_path / "scan.nii.gz")
    load = LoadImaged("image", reader=CTReader())
    with caplog.at_level(logging.WARNING):
        load({"image": str(tmp_path / "scan.nii.gz")})
        load({"image": str(tmp_path / "scan.nii.gz")})
    assert [record.message for record in caplog.records if "orientation" in record.message] == [
        f"scan: the header states no orientation; left-right and front-back are guessed ({tmp_path / 'scan.nii.gz'})"
    ]


def test_a_header_spacing_that_contradicts_the_affine_is_noted(tmp_path):
    image = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.diag([-4.0, -4.0, 5.0, 1.0]))
    image.header["pixdim"][1:4] = 1
    nib.save(image, tmp_path / "scan.nii")
    content = bytearray((tmp_path / "scan.nii").read_bytes())
    content[80:92] = np.ones(3, "<f4").tobytes()  # pixdim[1:4]
    (tmp_path / "scan.nii").write_bytes(content)
    volume = read_volume(tmp_path / "scan.nii")
    np.testing.assert_allclose(np.diag(volume.affine), (-4.0, -4.0, 5.0, 1.0), rtol=1e-6)
    assert "affine is used" in volume.notes[0]

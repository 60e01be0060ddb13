"""Files with fewer or other voxels than their header declares are refused: no voxel is made up."""

from __future__ import annotations

import bz2
import gzip
import os
import struct
import zlib

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from support.ct_series import some_hu, write_ct_series
from support.geometry import oblique_affine
from swinx.data import read_volume
from swinx.errors import CaseError

HU = some_hu((24, 20, 16))
AFFINE = oblique_affine("LAI")
COMPRESSED = [".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"]


def write(folder, suffix, compressed=True):
    path = folder / f"scan{suffix}"
    if suffix.startswith(".nii"):
        nib.save(nib.Nifti1Image(HU, AFFINE), path)
    else:
        image = SimpleITK.GetImageFromArray(HU.transpose())
        SimpleITK.WriteImage(image, str(path), compressed)
    return path


def data_file(path):
    """The file that holds the voxels."""
    others = [other for other in path.parent.iterdir() if other != path and "raw" in other.name]
    return others[0] if others else path


def read_or_refuse(path):
    try:
        return read_volume(path).array
    except CaseError:
        return None


@pytest.mark.parametrize("suffix", COMPRESSED)
@pytest.mark.parametrize("part", np.linspace(0.1, 0.999, 12))
def test_one_flipped_bit_never_gives_other_voxels(tmp_path, suffix, part):
    path = write(tmp_path, suffix)
    file = data_file(path)
    content = bytearray(file.read_bytes())
    place = int(len(content) * part)
    if file == path and place < 400:
        place = 400  # behind the header
    content[place] ^= 1 << (place % 8)
    file.write_bytes(content)
    found = read_or_refuse(path)
    assert found is None or np.array_equal(found, HU)


@pytest.mark.parametrize("suffix", [*COMPRESSED, ".nii"])
@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("missing", [1, 2, 9, 500])
def test_a_file_that_ends_early_is_refused(tmp_path, suffix, compressed, missing):
    path = write(tmp_path, suffix, compressed)
    file = data_file(path)
    file.write_bytes(file.read_bytes()[:-missing])
    with pytest.raises(CaseError, match=r"cut off|damaged"):
        read_volume(path)


def test_rows_of_the_scan_read_before_never_appear_in_the_next(tmp_path):
    def shorten(ds, index):
        if index == 7:
            ds.PixelData = ds.PixelData[: len(ds.PixelData) // 3]

    first = write_ct_series(tmp_path / "anna", some_hu((64, 64, 12), seed=1))
    second = write_ct_series(tmp_path / "berta", some_hu((64, 64, 12), seed=2), change=shorten)
    read_volume(first)
    with pytest.raises(CaseError, match=r"cannot be read: 1_\d+\.dcm \(the header declares 8192 bytes .* holds 2730"):
        read_volume(second)


@pytest.mark.parametrize("extra", [b"", b"\0" * 512])
def test_zeros_behind_an_archive_are_padding(tmp_path, extra):
    path = write(tmp_path, ".nii.gz")
    path.write_bytes(path.read_bytes() + extra)
    np.testing.assert_array_equal(read_volume(path).array, HU)


def test_an_archive_of_two_members_is_read_whole(tmp_path):
    content = gzip.decompress(write(tmp_path, ".nii.gz").read_bytes())
    (tmp_path / "two.nii.gz").write_bytes(gzip.compress(content[:3000]) + gzip.compress(content[3000:]))
    np.testing.assert_array_equal(read_volume(tmp_path / "two.nii.gz").array, HU)


@pytest.mark.parametrize("dims", [(2200, 2200, 2200), (32000, 32000, 32000)])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_a_claim_costs_no_memory(tmp_path, suffix, dims):
    sizes = " ".join(map(str, dims))
    nrrd = f"NRRD0004\ntype: short\ndimension: 3\nsizes: {sizes}\nspacings: 1 1 1\nencoding: gzip\nendian: little\n\n"
    meta = (
        f"ObjectType = Image\nNDims = 3\nDimSize = {sizes}\nElementSpacing = 1 1 1\nElementType = MET_SHORT\n"
        "CompressedData = True\nElementDataFile = LOCAL\n"
    )
    header = bytearray(nib.Nifti1Image(HU, AFFINE).to_bytes()[:352])
    header[42:48] = struct.pack("<3h", *dims)
    nifti = bytes(header) if suffix == ".nii" else gzip.compress(bytes(header))
    contents = {".nrrd": nrrd.encode() + gzip.compress(b"x"), ".mha": meta.encode() + zlib.compress(b"x")}
    path = tmp_path / f"claim{suffix}"
    path.write_bytes(contents.get(suffix, nifti))
    assert path.stat().st_size < 1000
    with pytest.raises(CaseError, match=r"declares|takes .* MB"):
        read_volume(path)


def test_a_list_of_files_is_checked_one_by_one(tmp_path):
    path = write(tmp_path, ".mhd", compressed=False)
    raw = (tmp_path / "scan.raw").read_bytes()
    half = len(raw) // 2
    (tmp_path / "a.raw").write_bytes(raw[:half])
    (tmp_path / "b.raw").write_bytes(raw[half:])
    head = path.read_text().replace("ElementDataFile = scan.raw", "ElementDataFile = LIST 3D\na.raw\nb.raw")
    path.write_text(head)
    (tmp_path / "b.raw").write_bytes(raw[half:-8])
    with pytest.raises(CaseError, match="declares"):
        read_volume(path)


@pytest.mark.parametrize("name", ["/etc/hostname", "../scan.raw", "sub/scan.raw", "..\\scan.raw", "nothing.raw"])
@pytest.mark.parametrize("suffix", [".mhd", ".nhdr"])
def test_detached_headers_name_files_beside_them_alone(tmp_path, suffix, name):
    path = write(tmp_path, suffix, compressed=False)
    path.write_text(path.read_text().replace(data_file(path).name, name))
    with pytest.raises(CaseError, match=r"does not lie beside it|does not exist"):
        read_volume(path)


@pytest.mark.parametrize("size", ["", "CompressedDataSize = 100\n", "CompressedDataSize = 99999999\n"])
@pytest.mark.parametrize(
    "pack", [zlib.compress, gzip.compress, lambda raw: zlib.compress(raw[:99]) + zlib.compress(raw[99:])]
)
def test_compressed_voxels_count_as_they_are_and_not_as_the_header_says(tmp_path, size, pack):
    head = (
        "ObjectType = Image\nNDims = 3\nDimSize = 24 20 16\nElementSpacing = 2 2 2\nElementType = MET_SHORT\n"
        f"CompressedData = True\n{size}ElementDataFile = LOCAL\n"
    )
    (tmp_path / "scan.mha").write_bytes(head.encode() + pack(HU.transpose().tobytes()))
    np.testing.assert_array_equal(read_volume(tmp_path / "scan.mha").array, HU)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"])
def test_a_size_that_was_changed_is_refused(tmp_path, suffix):
    path = write(tmp_path, suffix, compressed=False)
    if suffix.startswith(".nii"):
        content = bytearray(gzip.decompress(path.read_bytes()) if suffix == ".nii.gz" else path.read_bytes())
        content[42:44] = struct.pack("<h", 8)
        path.write_bytes(gzip.compress(bytes(content)) if suffix == ".nii.gz" else bytes(content))
    else:
        path.write_bytes(path.read_bytes().replace(b"24 20 16", b" 8 20 16"))
    with pytest.raises(CaseError, match="the stated size is wrong"):
        read_volume(path)


@pytest.mark.parametrize(("rows", "columns"), [(19, 24), (20, 22), (10, 24)])
def test_dicom_slices_of_more_pixels_than_promised_are_refused(tmp_path, rows, columns):
    def shrink(ds, _):
        ds.Rows, ds.Columns = rows, columns

    with pytest.raises(CaseError, match="the stated size is wrong"):
        read_volume(write_ct_series(tmp_path / "series", HU, AFFINE, change=shrink))


def test_one_volume_of_several_is_a_volume(tmp_path):
    nib.save(nib.Nifti1Image(HU[..., None, None], AFFINE), tmp_path / "scan.nii.gz")
    np.testing.assert_array_equal(read_volume(tmp_path / "scan.nii.gz").array, HU)


def test_a_compression_that_is_not_known_is_refused(tmp_path):
    head = "NRRD0004\ntype: short\ndimension: 3\nsizes: 24 20 16\nspacings: 2 2 2\nencoding: bzip2\nendian: little\n\n"
    (tmp_path / "scan.nrrd").write_bytes(head.encode() + bz2.compress(HU.tobytes()))
    with pytest.raises(CaseError, match="bzip2"):
        read_volume(tmp_path / "scan.nrrd")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".dcm", ""])
def test_a_pipe_stops_nobody(tmp_path, suffix):
    os.mkfifo(tmp_path / f"scan{suffix}")
    with pytest.raises(CaseError, match="named pipe"):
        read_volume(tmp_path / f"scan{suffix}")


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_a_limit_of_memory_counts_before_the_voxels_are_read(tmp_path, suffix):
    path = write(tmp_path, suffix)
    with pytest.raises(CaseError, match="takes 1 MB and 0 MB are allowed or free"):
        read_volume(path, max_ram_mb=1)
    assert read_volume(path, max_ram_mb=1e6).array.shape == HU.shape

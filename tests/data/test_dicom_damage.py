"""A slice that cannot be read is named; the volume is never made without it."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import ImplicitVRLittleEndian, JPEGLSLossless, RLELossless, RTStructureSetStorage

from support.ct_series import ct_slice, series_uid, some_hu, write_ct_series
from support.geometry import oblique_affine
from swinx.data import pick_series, read_volume
from swinx.errors import CaseError

HU = some_hu((40, 36, 7))


def write(folder: Path, series: int = 1, count: int = 7, syntax: pydicom.uid.UID | None = None) -> list[Path]:
    """Write an oblique series and return its files in the order of the slices."""

    def change(ds, _):
        if syntax is None:
            return
        if syntax.is_encapsulated:
            ds.compress(syntax, generate_instance_uid=False)
        else:
            ds.file_meta.TransferSyntaxUID = syntax

    write_ct_series(folder, HU[..., :count], oblique_affine(), series, change=change)
    files = folder.glob(f"{series}_*.dcm")
    return sorted(files, key=lambda file: int(pydicom.dcmread(file, stop_before_pixels=True).InstanceNumber))


def cut(file: Path, length: int) -> Path:
    """Leave the first bytes of a file; fewer than none are those that go."""
    file.write_bytes(file.read_bytes()[:length])
    return file


def refusal(path: Path) -> str:
    with pytest.raises(CaseError) as caught:
        read_volume(path)
    assert caught.value.path == str(path)
    return caught.value.reason


@pytest.mark.parametrize("length", [0, 40, 140, 210, 600, 900, 2000, -1])
@pytest.mark.parametrize("index", [0, 3, 6])
def test_a_slice_that_is_cut_off_is_named_wherever_it_lies_and_wherever_it_ends(tmp_path, index, length):
    files = write(tmp_path / "series")
    damaged = cut(files[index], length)
    whole = next(file for file in files if file != damaged)
    for place in (tmp_path / "series", whole):
        reason = refusal(place)
        assert f"cannot be read: {damaged.name}" in reason
        assert not any(file.name in reason for file in files if file != damaged)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, ImplicitVRLittleEndian])
@pytest.mark.parametrize("length", [900, -200])
def test_a_compressed_slice_that_is_cut_off_is_named(tmp_path, syntax, length):
    damaged = cut(write(tmp_path / "series", syntax=syntax)[-1], length)
    assert f"cannot be read: {damaged.name}" in refusal(tmp_path / "series")


def run_codes(frame):
    """The places of the codes of a frame in its first segment."""
    start, end = struct.unpack_from("<2I", frame, 4)
    while start < end - 1:
        yield start
        start += frame[start] + 2 if frame[start] < 128 else 2


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_run_of_another_length_is_damage(tmp_path, share):
    smooth = np.sort(HU, axis=0)  # neighbouring voxels alike: runs of both kinds

    def change(ds, index):
        ds.compress(RLELossless, generate_instance_uid=False)
        if index == 3:
            frame = bytearray(next(generate_frames(ds.PixelData, number_of_frames=1)))
            places = list(run_codes(frame))
            frame[places[int(share * len(places))]] ^= 4
            ds.PixelData = encapsulate([bytes(frame)])

    folder = write_ct_series(tmp_path, smooth, oblique_affine(), change=change)
    assert "bytes in place of 1440; damaged" in refusal(folder)


def test_a_picture_without_a_segment_ends_no_process(tmp_path):
    def change(ds, index):
        ds.compress(RLELossless, generate_instance_uid=False)
        if index == 3:
            ds.PixelData = encapsulate([bytes(500)])

    reason = refusal(write_ct_series(tmp_path, HU, oblique_affine(), change=change))
    assert "not of 2 segments" in reason


@pytest.mark.parametrize("size", [(131, 20, 2), (40, 36, 3)])
@pytest.mark.parametrize("kind", ["noise", "steps", "air"])
def test_run_lengths_without_damage_are_read(tmp_path, size, kind):
    hu = {
        "noise": some_hu(size),
        "steps": some_hu(size).clip(-1000) // 500 * 500,
        "air": np.full(size, -1024, np.int16),
    }[kind]
    hu[0, 0] = 40

    def change(ds, _):
        ds.compress(RLELossless, generate_instance_uid=False)

    affine = oblique_affine(spacing_mm=(9, 9, 9))
    np.testing.assert_array_equal(read_volume(write_ct_series(tmp_path, hu, affine, change=change)).array, hu)


def test_a_slice_whose_pixels_cannot_be_decoded_is_named(tmp_path):
    damaged = write(tmp_path / "series", syntax=JPEGLSLossless)[2]
    content = bytearray(damaged.read_bytes())
    start = content.index(b"\xff\xd8\xff")  # where the picture begins
    content[start : start + 40] = bytes(40)
    damaged.write_bytes(content)
    assert damaged.name in refusal(tmp_path / "series")


def test_several_damaged_slices_are_all_named_and_many_are_counted(tmp_path):
    files = write(tmp_path / "series")
    for file in files[2:5]:
        cut(file, 900)
    assert all(file.name in refusal(tmp_path / "series") for file in files[2:5])
    for number in range(20):
        (tmp_path / "series" / f"more{number:02d}.dcm").touch()
    assert "and 13 more" in refusal(tmp_path / "series")


def test_a_folder_of_damaged_slices_has_damaged_slices(tmp_path):
    files = write(tmp_path / "series", count=3)
    for file in files:
        cut(file, 900)
    assert all(file.name in refusal(tmp_path / "series") for file in files)


def test_what_is_no_slice_of_the_series_is_passed_over(tmp_path):
    folder = tmp_path / "series"
    write(folder)
    (folder / "README").write_text("scanned on a Monday")
    (folder / "report.txt").touch()
    (folder / "._1_000.dcm").write_bytes(b"\0\5\x16\7")  # what macOS leaves beside files on foreign disks
    other = ct_slice(HU, oblique_affine(), 0, series=7)
    del other.PixelData, other.Rows, other.Columns
    other.SOPClassUID = other.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    other.save_as(folder / "structures.dcm", enforce_file_format=True)
    other.SOPClassUID = other.file_meta.MediaStorageSOPClassUID = pydicom.uid.MediaStorageDirectoryStorage
    other.save_as(folder / "DICOMDIR", enforce_file_format=True)
    volume = read_volume(folder)
    assert volume.array.shape == HU.shape
    assert volume.notes == ()


def test_damage_in_another_series_does_not_stop_the_one_that_was_named(tmp_path):
    folder = tmp_path / "study"
    cut(write(folder, series=2, count=5)[1], 2000)
    whole = write(folder, series=1)
    assert read_volume(whole[0]).array.shape == HU.shape
    (picked,) = pick_series([{"image": str(folder), "case": "study"}], series_uid(1))
    assert Path(picked["image"]).name.startswith("1_")


def test_damage_does_not_let_a_shorter_series_become_the_longest(tmp_path):
    folder = tmp_path / "study"
    write(folder, series=2, count=6)
    damaged = [cut(file, 2000) for file in write(folder, series=1)[-2:]]
    reason = refusal(folder)
    assert all(file.name in reason for file in damaged)

"""A DICOM series is read whole or refused."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK

from swinx.data import read_volume
from swinx.errors import CaseError


def write_series(folder, count=6, skip=(), series=1, gap_mm=2.5):
    """Write axial slices, ``gap_mm`` apart."""
    folder.mkdir(exist_ok=True)
    pixels = np.random.default_rng(series).integers(-1000, 900, (count, 8, 9)).astype(np.int16)
    image = SimpleITK.GetImageFromArray(pixels)
    image.SetSpacing((2.0, 2.0, gap_mm))
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for index in sorted(set(range(count)) - set(skip)):
        part = image[:, :, index]
        part.SetMetaData("0020|000e", f"1.2.826.0.1.3680043.2.1125.{series}")
        part.SetMetaData("0008|0018", f"1.2.826.0.1.3680043.2.1125.{series}.{index + 1}")
        part.SetMetaData("0008|0060", "CT")
        part.SetMetaData("0020|0032", f"0\\0\\{index * gap_mm}")
        part.SetMetaData("0020|0037", "1\\0\\0\\0\\1\\0")
        writer.SetFileName(str(folder / f"{series}_{index:03d}.dcm"))
        writer.Execute(part)
    return folder


def refusal(path):
    with pytest.raises(CaseError) as caught:
        read_volume(path)
    assert caught.value.path == str(path)
    return caught.value.reason


def test_a_missing_slice_is_refused(tmp_path):
    reason = refusal(write_series(tmp_path / "series", skip=[3]))
    assert "5 mm after slice 3" in reason
    assert "missing slices" in reason


def test_of_several_series_the_longest_is_taken_and_named(tmp_path):
    write_series(tmp_path / "study", count=4, series=1)
    volume = read_volume(write_series(tmp_path / "study", count=5, series=2))
    assert volume.array.shape == (9, 8, 5)
    assert "2 DICOM series" in volume.notes[0]
    assert "took 1.2.826.0.1.3680043.2.1125.2 (CT of 5 files) and not" in volume.notes[0]


def test_a_slice_chooses_its_own_series(tmp_path):
    write_series(tmp_path / "study", count=5, series=2)
    write_series(tmp_path / "study", count=4, series=1)
    assert read_volume(tmp_path / "study" / "1_001.dcm").array.shape == (9, 8, 4)


def test_two_series_of_one_length_are_refused(tmp_path):
    write_series(tmp_path / "study", series=1)
    assert "equally long" in refusal(write_series(tmp_path / "study", series=2))


def test_a_series_of_one_slice_is_refused(tmp_path):
    assert "single slice" in refusal(write_series(tmp_path / "series", count=1))


def test_a_folder_without_slices_is_refused(tmp_path):
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "notes.txt").write_text("nothing here")
    assert "no DICOM slices" in refusal(tmp_path / "series")


def test_a_truncated_slice_is_refused(tmp_path):
    folder = write_series(tmp_path / "series")
    damaged = folder / "1_002.dcm"
    damaged.write_bytes(damaged.read_bytes()[:-60])
    assert refusal(folder)


def test_files_without_extension_count_by_their_content(tmp_path):
    folder = write_series(tmp_path / "series")
    for path in list(folder.iterdir()):
        path.rename(path.with_suffix(""))
    (folder / "readme.txt").write_text("not a slice")
    assert read_volume(folder).array.shape == (9, 8, 6)

"""What counts as the content of a scan: every file that is read for it."""

from __future__ import annotations

import os

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from support.ct_series import write_ct_series
from swinx.data import content_of, files_read, has_content, stamp_of


def written(folder, name):
    """A scan in the format of its name."""
    image = sitk.GetImageFromArray(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    sitk.WriteImage(image, str(folder / name))
    return folder / name


@pytest.mark.parametrize(("name", "voxels"), [("a.mhd", "a.raw"), ("a.nhdr", "a.raw"), ("a.nii", "a.nii")])
def test_a_change_of_the_voxels_alone_is_a_change_of_the_scan(tmp_path, name, voxels):
    scan = written(tmp_path, name)
    recorded = content_of(scan) | {"stamp": stamp_of(scan)}
    assert has_content(scan, recorded)
    before = (tmp_path / voxels).stat()
    content = bytearray((tmp_path / voxels).read_bytes())
    content[-1] ^= 1
    (tmp_path / voxels).write_bytes(content)
    os.utime(tmp_path / voxels, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not has_content(scan, recorded)
    assert not has_content(scan, content_of(scan) | {"sha256": recorded["sha256"]})


def test_a_list_of_slices_is_read_slice_by_slice(tmp_path):
    for number in range(2):
        (tmp_path / f"s{number}.raw").write_bytes(bytes(40))
    (tmp_path / "a.mhd").write_text(
        "NDims = 3\nDimSize = 4 5 2\nElementType = MET_SHORT\nElementSpacing = 1 1 1\nElementDataFile = LIST\n"
        "s0.raw\ns1.raw\n"
    )
    assert [file.name for file in files_read(tmp_path / "a.mhd")] == ["a.mhd", "s0.raw", "s1.raw"]


def test_an_older_file_in_the_place_of_a_scan_is_a_change(tmp_path):
    scan = written(tmp_path, "a.nii")
    recorded = content_of(scan) | {"stamp": stamp_of(scan)}
    other = tmp_path / "older.nii"
    other.write_bytes(scan.read_bytes()[:-1] + b"x")
    os.utime(other, (0, 0))
    other.replace(scan)
    assert not has_content(scan, recorded)


def test_a_scan_that_was_only_touched_or_copied_is_the_same(tmp_path):
    scan = written(tmp_path, "a.nii")
    recorded = content_of(scan) | {"stamp": stamp_of(scan)}
    os.utime(scan, (1, 1))
    assert stamp_of(scan) != recorded["stamp"]
    assert has_content(scan, recorded)


def test_every_slice_of_a_series_counts(tmp_path):
    write_ct_series(tmp_path / "series")
    recorded = content_of(tmp_path / "series")
    files = sorted((tmp_path / "series").iterdir())
    assert files_read(files[0]) == files
    content = bytearray(files[-1].read_bytes())
    content[-1] ^= 1
    files[-1].write_bytes(content)
    assert not has_content(tmp_path / "series", recorded)

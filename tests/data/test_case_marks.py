"""Fingerprints of cases, by which a resumed training tells whether its data changed."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from swinx.data import case_marks
from swinx.data.case_marks import content_sample

SIDE = 200  # 8 MB, beyond what is read whole in any case


def written(path, volume):
    """Write voxels, compressed if the name says so; what else is in the file does not matter here."""
    content = volume.tobytes()
    path.write_bytes(gzip.compress(content, 1, mtime=0) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.raw"])
def test_a_voxel_that_changed_anywhere_in_a_large_file_is_noticed(tmp_path, name):
    volume = np.random.default_rng(0).integers(0, 15, (SIDE, SIDE, SIDE)).astype(np.uint8)
    before = content_sample(written(tmp_path / name, volume))
    assert content_sample(written(tmp_path / name, volume)) == before
    volume[SIDE // 3, 5, 7] += 1
    assert content_sample(written(tmp_path / name, volume)) != before


def test_a_copy_is_the_same_case_and_other_annotated_classes_are_not(tmp_path):
    volume = np.zeros((4, 4, 4), np.uint8)
    (tmp_path / "copied").mkdir()
    items = [
        {"case": "a", "image": str(written(place / "a.nii", volume)), "annotated": annotated}
        for place, annotated in ((tmp_path, [2, 1]), (tmp_path / "copied", [1, 2]), (tmp_path, [1]))
    ]
    first, copied, other = (case_marks(training=[item])["training"]["a"] for item in items)
    assert first["image"]["sample"] == copied["image"]["sample"]
    assert first["labels"] == copied["labels"] != other["labels"]

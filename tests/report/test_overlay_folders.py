"""write_overlays: a picture per case, the bad ones named."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from swinx.labels import FLARE23, FlareLabel
from swinx.report import write_overlays

AFFINE = np.diag([-2.0, 2.0, 5.0, 1.0])


def save(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)
    return path.name


@pytest.fixture
def folder(tmp_path) -> Path:
    image = np.random.default_rng(0).integers(-1000, 300, (12, 13, 8)).astype(np.int16)
    labels = np.zeros(image.shape, np.uint8)
    labels[2:8, 3:9, 2:6] = FlareLabel.STOMACH
    for case in ("a", "b"):
        save(tmp_path / "images" / f"{case}_0000.nii.gz", image)
        save(tmp_path / "labels" / f"{case}.nii.gz", labels)
        save(tmp_path / "out" / f"{case}.nii.gz", labels)
    return tmp_path


def draw(folder: Path, images="images", references: str | None = "labels", predictions: str | None = "out"):
    sources = [None if name is None else folder / name for name in (references, predictions)]
    return write_overlays(folder / images, *sources, folder / "png", show_progress=False, label_set=FLARE23)


def test_every_case_gets_a_picture_of_its_name(folder):
    report = draw(folder)
    assert report.ok
    assert list(report.paths) == [folder / "png" / "a.png", folder / "png" / "b.png"]
    assert sorted((folder / "png").iterdir()) == list(report.paths)


@pytest.mark.parametrize(("references", "predictions"), [("labels", None), (None, "out")])
def test_one_of_reference_and_prediction_is_enough(folder, references, predictions):
    assert draw(folder, references=references, predictions=predictions).ok


def test_a_case_with_neither_is_named(folder):
    (folder / "labels" / "a.nii.gz").unlink()
    (folder / "out" / "a.nii.gz").unlink()
    report = draw(folder)
    assert not report.ok
    assert [error.path for error in report.bad_cases] == ["a"]
    assert [path.name for path in report.paths] == ["b.png"]


def test_a_damaged_file_is_named_and_the_other_cases_are_drawn(folder):
    bad = folder / "images" / "a_0000.nii.gz"
    bad.write_bytes(bad.read_bytes()[:100])
    report = draw(folder)
    assert [error.path for error in report.bad_cases] == [str(bad)]
    assert [path.name for path in (folder / "png").iterdir()] == ["b.png"]


def test_labels_on_another_grid_are_named(folder):
    shifted = AFFINE.copy()
    shifted[0, 3] = 20
    save(folder / "out" / "b.nii.gz", np.zeros((12, 13, 8), np.uint8), shifted)
    (error,) = draw(folder).bad_cases
    assert error.path == str(folder / "out" / "b.nii.gz")
    assert "20 mm apart" in error.reason


def test_a_data_list_brings_its_own_references(folder):
    entries = [{"image": f"images/{case}_0000.nii.gz", "label": f"labels/{case}.nii.gz"} for case in "ab"]
    (folder / "list.json").write_text(json.dumps({"testing": entries}))
    assert draw(folder, images="list.json", references=None, predictions=None).ok


def test_a_reference_with_unknown_voxels_is_drawn(folder):
    labels = np.asarray(nib.load(folder / "labels" / "a.nii.gz").dataobj).copy()
    labels[0] = 255
    save(folder / "labels" / "a.nii.gz", labels)
    assert draw(folder).ok

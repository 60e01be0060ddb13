"""The synthetic cohort: FLARE's layout, exact partial labels, the same bytes every time."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from swinx.cohorts import make_phantom, write_synthetic_cohort
from swinx.cohorts.phantoms.synthetic import CENTRES
from swinx.data import load_data_list
from swinx.nifti import write_nifti

SMALL = {"shape": (24, 24, 20), "spacing_mm": (14.0, 14.0, 12.0), "progress": False}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("cohort")
    write_synthetic_cohort(root, labelled=7, unlabelled=2, validation=2, seed=3, **SMALL)
    return root


def _voxels(path: Path) -> np.ndarray:
    return np.asanyarray(nib.load(path).dataobj)


def _bytes(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_the_layout_is_that_of_the_download(cohort):
    assert (cohort / "imagesTr2200" / "FLARE23_0007_0000.nii.gz").is_file()
    assert (cohort / "labelsTr2200" / "FLARE23_0007.nii.gz").is_file()
    assert (cohort / "unlabeledTr1800" / "FLARE23_2202_0000.nii.gz").is_file()
    assert (cohort / "imagesVal" / "FLARE23Ts_0002_0000.nii.gz").is_file()
    assert (cohort / "labelsVal" / "FLARE23Ts_0002.nii.gz").is_file()
    assert not (cohort / "labelsTr2200" / "FLARE23_2202.nii.gz").exists()


def test_the_data_list_has_every_case_and_its_files_exist(cohort):
    counts = {name: len(load_data_list(cohort / "datalist.json", name)) for name in ("training", "unlabeled")}
    assert counts == {"training": 7, "unlabeled": 2}
    validation = load_data_list(cohort / "datalist.json", "validation", need_label=True)
    assert [item["annotated"] for item in validation] == [list(range(1, 15))] * 2


def test_a_partial_label_is_the_truth_of_the_annotated_classes_and_nothing_else(cohort):
    for item in load_data_list(cohort / "datalist.json", "training", need_label=True):
        truth = _voxels(cohort / "labelsTrFull" / Path(item["label"]).name)
        drawn = _voxels(item["label"])
        np.testing.assert_array_equal(drawn, np.where(np.isin(truth, item["annotated"]), truth, 0))
        assert (drawn != truth).any() or set(np.unique(truth)) - {0} <= set(item["annotated"])


def test_labelled_cases_take_turns_among_the_centres(cohort):
    record = json.loads((cohort / "cohort.json").read_text())["cases"]
    centres = [case["centre"] for case in record if case["section"] == "training"]
    assert centres == list(CENTRES)
    items = load_data_list(cohort / "datalist.json", "training")
    assert [tuple(item["annotated"]) for item in items] == [CENTRES[name] for name in centres]


def test_image_and_label_share_grid_and_dtypes_are_the_download_s(cohort):
    for item in load_data_list(cohort / "datalist.json", "training"):
        image, label = nib.load(item["image"]), nib.load(item["label"])
        np.testing.assert_array_equal(image.affine, label.affine)
        assert image.shape == label.shape == SMALL["shape"]
        assert (image.get_data_dtype(), label.get_data_dtype()) == (np.int16, np.uint8)


def test_orientations_vary_and_some_grids_are_oblique(tmp_path):
    write_synthetic_cohort(tmp_path, 0, 16, 0, shape=12, spacing_mm=25, progress=False)
    affines = [nib.load(path).affine for path in sorted((tmp_path / "unlabeledTr1800").iterdir())]
    assert len({nib.aff2axcodes(affine) for affine in affines}) >= 3
    tilted = [np.abs(affine[:3, :3]).max(axis=0).sum() < 3 * 25 - 0.01 for affine in affines]
    assert any(tilted)
    assert not all(tilted)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(cohort, tmp_path):
    write_synthetic_cohort(tmp_path / "a", labelled=7, unlabelled=2, validation=2, seed=3, **SMALL)
    assert _bytes(tmp_path / "a") == _bytes(cohort)
    write_synthetic_cohort(tmp_path / "b", labelled=7, unlabelled=2, validation=2, seed=4, **SMALL)
    image = "imagesTr2200/FLARE23_0001_0000.nii.gz"
    assert _bytes(tmp_path / "b")[image] != _bytes(cohort)[image]


def test_a_cohort_grows_without_touching_finished_cases(tmp_path):
    write_synthetic_cohort(tmp_path, 1, 0, 0, **SMALL)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nii.gz")}
    write_synthetic_cohort(tmp_path, 2, 1, 0, **SMALL)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(list((tmp_path / "imagesTr2200").iterdir())) == 2


def test_cases_of_another_seed_are_made_anew(tmp_path):
    for seed in (0, 1):
        write_synthetic_cohort(tmp_path / "reused", 2, 0, 0, seed=seed, **SMALL)
    write_synthetic_cohort(tmp_path / "fresh", 2, 0, 0, seed=1, **SMALL)
    assert _bytes(tmp_path / "reused") == _bytes(tmp_path / "fresh")


def test_a_lost_file_is_made_again(tmp_path):
    write_synthetic_cohort(tmp_path, 1, 0, 0, **SMALL)
    lost = tmp_path / "labelsTr2200" / "FLARE23_0001.nii.gz"
    before = lost.read_bytes()
    lost.unlink()
    write_synthetic_cohort(tmp_path, 1, 0, 0, **SMALL)
    assert lost.read_bytes() == before


@pytest.mark.parametrize("content", ["scan", "damaged"])
def test_a_scan_of_the_real_data_set_is_refused_and_left_alone(tmp_path, content):
    scan = tmp_path / "imagesTr2200" / "FLARE23_0002_0000.nii.gz"
    write_nifti(scan, np.zeros((4, 4, 4), np.int16), np.eye(4))
    if content == "damaged":
        scan.write_bytes(b"not a scan")
    before = scan.read_bytes()
    with pytest.raises(FileExistsError, match=r"FLARE23_0002_0000\.nii\.gz is there and is no phantom"):
        write_synthetic_cohort(tmp_path, 2, 0, 0, **SMALL)
    assert scan.read_bytes() == before
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [scan]


def test_shape_and_spacing_are_drawn_when_not_given(monkeypatch, tmp_path):
    asked = []

    def small(rng, shape, spacing_mm, **options):
        asked.append((shape, spacing_mm))
        return make_phantom(rng, 12, 25.0, **options)

    monkeypatch.setattr("swinx.cohorts.phantoms.synthetic.make_phantom", small)
    write_synthetic_cohort(tmp_path, 6, 0, 0, progress=False)
    assert len({shape for shape, _ in asked}) > 1
    assert {spacing for _, spacing in asked} == {None}


def test_impossible_counts_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"\(-1, 0, 0\)"):
        write_synthetic_cohort(tmp_path, -1, 0, 0)

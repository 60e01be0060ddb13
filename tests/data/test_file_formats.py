"""Another file format is a row of the table: listing, checks, reading, planning and segmentation then take it."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.io import netcdf_file

from support.geometry import oblique_affine
from support.segmentation import CLASSES, some_scan, some_weights
from swinx.data import CTReader, check_data, content_of, find_cases, find_label_maps, read_volume
from swinx.data.folders.label_content import holds_labels
from swinx.data.formats import file_formats
from swinx.data.formats.file_formats import FORMATS, FileFormat
from swinx.errors import CaseError, DataListError
from swinx.labels import read_label_set
from swinx.nifti import write_nifti
from swinx.planning import read_fingerprint

AFFINE = oblique_affine("LAS", (1.7, 1.8, 2.5))
SHAPE = (12, 14, 16)


def read_minc(place: Path, _max_ram_mb: float | None) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    image = nib.load(place)
    return np.asarray(image.dataobj).round().astype(np.int16), np.array(image.affine), ()


def write_minc(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    """Write MINC 1, which nibabel reads only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    cosines = affine[:3, :3] / steps
    starts = np.linalg.solve(cosines, affine[:3, 3])
    names = ("xspace", "yspace", "zspace")
    with netcdf_file(path, "w") as file:
        for axis, name in enumerate(names):
            file.createDimension(name, array.shape[axis])
            made = file.createVariable(name, "i4", ())
            made.step, made.start, made.direction_cosines = steps[axis], starts[axis], cosines[:, axis]
            made.spacing = b"regular__"
        voxels = file.createVariable("image", "i2", names)
        voxels.signtype, voxels.valid_range = b"signed__", np.array([-2000.0, 2000.0])
        voxels[:] = array
        for name, value in (("image-max", 2000.0), ("image-min", -2000.0)):
            file.createVariable(name, "f8", ())[...] = value
    return path


@pytest.fixture
def minc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_formats, "FORMATS", (*FORMATS, FileFormat("MINC", (".mnc",), read_minc)))


def some_hu() -> np.ndarray:
    return np.random.default_rng(0).integers(-900, 900, SHAPE).astype(np.int16)


def organs() -> np.ndarray:
    labels = np.zeros(SHAPE, np.int16)
    labels[2:8, 2:9, 2:9], labels[9:11, 3:6, 4:9] = 1, 3
    return labels


def test_every_row_is_in_the_table_of_the_page_about_folders():
    page = (Path(__file__).parents[2] / "docs/folders.md").read_text()
    for row in FORMATS:
        assert f"| {row.name} | {', '.join(f'`{suffix}`' for suffix in row.suffixes)} |" in page


def test_a_format_without_a_row_is_no_volume(tmp_path):
    scan = write_minc(tmp_path / "a.mnc", some_hu())
    with pytest.raises(CaseError, match=re.escape("unknown kind of file '.mnc'; give .nii.gz, .nii, .nrrd")):
        read_volume(scan)
    with pytest.raises(DataListError, match="no scans found"):
        find_cases(tmp_path)


@pytest.mark.usefixtures("minc")
def test_a_row_makes_a_format_a_volume_for_readers(tmp_path):
    scan = write_minc(tmp_path / "a_0000.MNC", some_hu())
    volume = read_volume(scan)
    np.testing.assert_array_equal(volume.array, some_hu())
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-6)
    voxels, meta = CTReader().get_data([str(scan)])
    assert (voxels.shape, meta["affine"].shape) == (SHAPE, (4, 4))
    assert content_of(scan)["bytes"] == scan.stat().st_size
    scan.write_bytes(b"CDF\x01" + bytes(99))
    with pytest.raises(CaseError, match="MINC file"):
        read_volume(scan)


@pytest.mark.usefixtures("minc")
def test_a_row_makes_a_format_a_scan_and_a_label_map_in_folders(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="swinx")
    write_minc(tmp_path / "scans/p_0000.mnc", some_hu())
    write_minc(tmp_path / "scans/organs.mnc", organs())
    (found,) = find_cases(tmp_path / "scans")
    assert found["case"] == "p"
    assert "1 (1 MINC); skipped 1: organs.mnc" in caplog.text
    assert holds_labels(tmp_path / "scans/organs.mnc")
    assert list(find_label_maps(write_minc(tmp_path / "labels/p.seg.mnc", organs()).parent)) == ["p"]


@pytest.mark.usefixtures("minc")
def test_a_row_makes_a_format_a_case_of_a_data_list_that_is_checked_and_planned_for(tmp_path):
    entry = {"image": "imagesTr/p_0000.mnc", "label": "labelsTr/p.mnc", "annotated": [1, 3]}
    write_minc(tmp_path / entry["image"], some_hu())
    write_minc(tmp_path / entry["label"], organs())
    label_set = {"background": 0, "liver": 1, "spleen": 3}
    listed = tmp_path / "datalist.json"
    listed.write_text(json.dumps({"labels": label_set, "training": [{"case": "p", **entry}]}))
    report = check_data(listed)
    assert (report.num_cases, report.faults) == (1, ())
    assert read_fingerprint(listed, read_label_set(label_set)).labelled == 1
    write_minc(tmp_path / entry["label"], organs() * 2)
    assert [fault.case for fault in check_data(listed).faults] == ["p"]


@pytest.mark.usefixtures("minc")
def test_a_scan_of_a_new_row_is_segmented_as_its_copy_in_nifti(tmp_path, run):
    hu, affine = some_scan()
    write_nifti(tmp_path / "a.nii.gz", hu.astype(np.int16), affine)
    write_minc(tmp_path / "a.mnc", hu.astype(np.int16), affine)
    weights = some_weights(tmp_path)
    for name in ("a.nii.gz", "a.mnc"):
        words = ["segment", tmp_path / name, tmp_path / f"{name}-out", "--model", weights, "--backend", "torch"]
        assert run(*words)[0] == 0
    first, second = (np.asarray(nib.load(tmp_path / f"{n}-out/a.nii.gz").dataobj) for n in ("a.nii.gz", "a.mnc"))
    assert set(np.unique(first)) <= set(CLASSES.values())
    np.testing.assert_array_equal(first, second)

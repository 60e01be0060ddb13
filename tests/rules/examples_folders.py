"""Folders that break the rules of folders."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch
from monai.data import MetaTensor
from pydicom.uid import MediaStorageDirectoryStorage, RTStructureSetStorage

from rules.examples import example
from support.ct_series import ct_slice, some_hu, write_ct_series
from support.slicer_seg import write_layers
from swinx.data import (
    DicomSegCheck,
    SaveDicomSegd,
    find_cases,
    find_label_maps,
    pick_series,
    read_volume,
    segment_codes,
)
from swinx.errors import CaseError, DataListError
from swinx.files import write_json
from swinx.labels import FLARE23, read_label_set
from swinx.rules import LabelFolderRules, ScanFolderRules, SegRules, SeriesRules
from swinx.scoring import score_folders

AFFINE = np.diag([-2.0, 2.0, 5.0, 1.0])


def _save(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.ones((4, 5, 6), np.uint8), AFFINE), path)


def _score(folder: Path) -> str:
    for name in ("reference", "prediction"):
        (folder / name).mkdir(exist_ok=True)
    args = folder / "reference", folder / "prediction", folder / "out"
    return score_folders(*args, show_progress=False, label_set=FLARE23).text


def _refusal(folder: Path) -> str:
    with pytest.raises(DataListError, match=r".") as caught:
        _score(folder)
    return str(caught.value)


@example(LabelFolderRules.NONE)
def _no_label_map(folder: Path) -> str:
    _save(folder / "reference" / "a.nii.gz")
    return _refusal(folder)


@example(LabelFolderRules.TWO_FILES)
def _two_of_one_case(folder: Path) -> str:
    _save(folder / "reference" / "a.nii.gz")
    _save(folder / "prediction" / "a.nii.gz")
    _save(folder / "prediction" / "a.seg.nii")
    return _refusal(folder)


def _listed(folder: Path, label: object, **more: object) -> str:
    entry = {"image": "a.nii.gz", "label": label, **more}
    write_json(folder / "list.json", {"testing": [entry]})
    with pytest.raises(DataListError, match=r".") as caught:
        find_label_maps(folder / "list.json")
    return str(caught.value)


@example(LabelFolderRules.NOT_ONE_FILE)
def _masks_as_label_maps(folder: Path) -> str:
    return _listed(folder, {"liver": "liver.nii.gz"})


@example(LabelFolderRules.OTHER_NUMBERS)
def _numbers_of_another_program(folder: Path) -> str:
    return _listed(folder, "a.nii.gz", label_map="totalsegmentator")


@example(LabelFolderRules.LAYERS)
def _layers(folder: Path) -> str:
    path = write_layers(folder / "a.seg.nrrd")
    with pytest.raises(CaseError, match=r".") as caught:
        read_volume(path, "label")
    return str(caught.value)


@example(LabelFolderRules.NOTHING_SHARED)
def _other_names(folder: Path) -> str:
    _save(folder / "reference" / "a.nii.gz")
    _save(folder / "prediction" / "b.nii.gz")
    return _refusal(folder)


@example(LabelFolderRules.MISSING)
def _one_is_missing(folder: Path) -> str:
    for name in ("reference/a", "reference/b", "prediction/a"):
        _save(folder / f"{name}.nii.gz")
    return _score(folder)


@contextmanager
def _log() -> Iterator[list[str]]:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("swinx")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _found(folder: Path, output_dir: Path | None = None) -> str:
    _scan(folder / "scan.nii.gz")
    with _log() as lines:
        find_cases(folder, output_dir=output_dir)
    return "\n".join(lines)


def _scan(path: Path, array: np.ndarray | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(some_hu((24, 24, 24)) if array is None else array, AFFINE), path)


def _object(path: Path, storage_class: str, modality: str) -> None:
    ds = ct_slice(some_hu(), AFFINE, 0, series=9)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = storage_class
    ds.Modality = modality
    del ds.PixelData, ds.Rows, ds.Columns
    ds.save_as(path, enforce_file_format=True)


@example(ScanFolderRules.NONE)
def _no_scan(folder: Path) -> str:
    with pytest.raises(DataListError, match=r".") as caught:
        find_cases(folder)
    return str(caught.value)


@example(ScanFolderRules.MISSING)
def a_folder_that_is_not_there(folder: Path) -> str:
    with pytest.raises(DataListError) as caught:
        find_cases(folder / "nowhere")
    return str(caught.value)


@example(ScanFolderRules.NO_PATH)
def a_path_of_a_variable_that_is_not_set(_: Path) -> str:
    with pytest.raises(DataListError) as caught:
        find_cases("")
    return str(caught.value)


@example(ScanFolderRules.ONE_NAME)
def _one_name(folder: Path) -> str:
    _scan(folder / "a.nii.gz")
    _scan(folder / "a.nii")
    return str(find_cases(folder)[0]["fault"])


@example(ScanFolderRules.SPLIT)
def _split(folder: Path) -> str:
    write_ct_series(folder / "upper", skip=(0, 1, 2))
    write_ct_series(folder / "lower", skip=(3, 4, 5))
    return str(find_cases(folder)[0]["fault"])


@example(ScanFolderRules.RENAMED)
def _renamed(folder: Path) -> str:
    for patient in ("p1", "p2"):
        _scan(folder / patient / "ct.nii.gz")
    return _found(folder)


@example(ScanFolderRules.HASHED)
def _hashed(folder: Path) -> str:
    for name in ("a/b_c", "a_b/c", "x/b_c", "x/c"):
        _scan(folder / f"{name}.nii.gz")
    return _found(folder)


@example(ScanFolderRules.LABEL_FOLDER)
def _label_folder(folder: Path) -> str:
    _scan(folder / "labelsTr" / "a.nii.gz")
    return _found(folder)


@example(ScanFolderRules.OUTPUT)
def _output(folder: Path) -> str:
    _scan(folder / "out" / "a.nii.gz")
    return _found(folder, folder / "out")


@example(ScanFolderRules.CLOSED)
def _closed(folder: Path) -> str:
    (folder / "closed").mkdir()
    scandir = os.scandir

    def refuse(place: str) -> Iterator[os.DirEntry[str]]:
        if str(place).endswith("closed"):
            raise PermissionError(13, "Permission denied", place)
        return scandir(place)

    with mock.patch("os.scandir", refuse):
        return _found(folder)


@example(ScanFolderRules.NO_FILE)
def _pipe(folder: Path) -> str:
    os.mkfifo(folder / "a.dcm")
    return _found(folder)


@example(ScanFolderRules.FOLDER)
def _folder(folder: Path) -> str:
    (folder / "a.nii.gz").mkdir()
    return _found(folder)


@example(ScanFolderRules.OWN)
def _own(folder: Path) -> str:
    _scan(folder / "out" / "a.nii.gz")
    record = {"case": "a", "image": "/scans/a.nii.gz", "prediction": str(folder / "out" / "a.nii.gz")}
    write_json(folder / "out" / "a.json", record)
    return _found(folder)


@example(ScanFolderRules.MASK_NAME)
def _mask_by_name(folder: Path) -> str:
    _scan(folder / "scan_mask.nii.gz")
    return _found(folder)


@example(ScanFolderRules.MASK_CONTENT)
def _mask_by_content(folder: Path) -> str:
    labels = np.zeros((24, 24, 24), np.uint8)
    labels[4:20, 4:20, 4:20] = 1
    _scan(folder / "organs.nii.gz", labels)
    return _found(folder)


@example(ScanFolderRules.NO_CT)
def _no_ct(folder: Path) -> str:
    _object(folder / "rt.dcm", RTStructureSetStorage, "RTSTRUCT")
    return _found(folder)


@example(ScanFolderRules.DIRECTORY)
def _directory(folder: Path) -> str:
    _object(folder / "DICOMDIR", MediaStorageDirectoryStorage, "")
    return _found(folder)


@example(ScanFolderRules.LOCALIZER)
def _localizer(folder: Path) -> str:
    def change(ds: pydicom.Dataset, _: int) -> None:
        ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    write_ct_series(folder / "scout", change=change)
    return _found(folder)


@example(ScanFolderRules.ONE_SLICE)
def _one_slice(folder: Path) -> str:
    write_ct_series(folder / "anna", skip=(0, 1, 2, 3, 4))
    return _found(folder)


@example(ScanFolderRules.COPY)
def _copy(folder: Path) -> str:
    for name in ("first", "second"):
        write_ct_series(folder / name)
    return _found(folder)


@example(ScanFolderRules.DAMAGED)
def _damaged(folder: Path) -> str:
    _object(folder / "rt.dcm", RTStructureSetStorage, "RTSTRUCT")
    whole = (folder / "rt.dcm").read_bytes()
    (folder / "rt.dcm").write_bytes(whole[:400])
    return _found(folder)


@example(SeriesRules.NOT_THERE)
def _no_such_series(folder: Path) -> str:
    write_ct_series(folder / "anna")
    with pytest.raises(DataListError, match=r".") as caught:
        pick_series(find_cases(folder), "1.2.3")
    return str(caught.value)


def _segment(source: Path, out: Path, labels: np.ndarray | None = None) -> str:
    """Return the log of writing a label map as a DICOM Segmentation, with the check before."""
    array = np.ones((9, 8, 6), np.uint8) if labels is None else labels
    affine = np.diag([-0.8, -0.9, 2.5, 1.0])
    meta = {"filename_or_obj": str(source)}
    items = [{"case": "anna", "image": str(source)}]
    with _log() as lines:
        DicomSegCheck(out).check(SimpleNamespace(data_loader=SimpleNamespace(dataset=SimpleNamespace(data=items))))
        pred = MetaTensor(torch.as_tensor(array)[None], affine=torch.as_tensor(affine), meta=meta)
        SaveDicomSegd("pred", out)({"case": "anna", "pred": pred})
    return "\n".join(lines)


@example(SegRules.PRIVATE_CODES)
def _class_without_a_code(_: Path) -> str:
    with _log() as lines:
        segment_codes(read_label_set({"background": 0, "gizzard of this example": 1}))
    return "\n".join(lines)


@example(SegRules.EXPECTED, SegRules.UNWRITTEN, SegRules.NO_SERIES)
def _no_series(folder: Path) -> str:
    _scan(folder / "scan.nii.gz")
    return _segment(folder / "scan.nii.gz", folder / "out")


def _with_change(folder: Path, change: Callable[[pydicom.Dataset, int], None]) -> str:
    return _segment(write_ct_series(folder / "anna", change=change), folder / "out")


@example(SegRules.NO_TAG)
def _no_tag(folder: Path) -> str:
    def change(ds: pydicom.Dataset, _: int) -> None:
        ds.StudyInstanceUID = ""

    return _with_change(folder, change)


@example(SegRules.TAGS_DIFFER)
def _tags_differ(folder: Path) -> str:
    def change(ds: pydicom.Dataset, index: int) -> None:
        ds.StudyInstanceUID = f"1.2.{index + 1}"

    return _with_change(folder, change)


@example(SegRules.HEADERS)
def _a_sex_that_dicom_does_not_know(folder: Path) -> str:
    def change(ds: pydicom.Dataset, _: int) -> None:
        ds.PatientSex = "unknown"

    return _with_change(folder, change)


@example(SegRules.BAD_TAG)
def _a_birth_date_with_slashes(folder: Path) -> str:
    def change(ds: pydicom.Dataset, _: int) -> None:
        del ds.PatientBirthDate
        ds.PatientBirthDate = "01/02/1960"

    with pydicom.config.disable_value_validation():
        series = write_ct_series(folder / "anna", change=change)
    return _segment(series, folder / "out")


@example(SegRules.NO_PACKAGE)
def _no_package(folder: Path) -> str:
    with mock.patch.dict("sys.modules", {"highdicom": None}):
        return _segment(write_ct_series(folder / "anna"), folder / "out")


@example(SegRules.EMPTY)
def _empty(folder: Path) -> str:
    return _segment(write_ct_series(folder / "anna"), folder / "out", np.zeros((9, 8, 6), np.uint8))


@example(SegRules.OCCUPIED)
def _occupied(folder: Path) -> str:
    series = write_ct_series(folder / "anna")
    next(series.iterdir()).rename(series / "anna.dcm")
    with pytest.raises(DataListError, match=r".") as caught:
        _segment(series, series)
    return str(caught.value)

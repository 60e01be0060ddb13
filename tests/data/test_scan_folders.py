"""Every scan in a folder is a case, and what is no scan is skipped with its reason."""

from __future__ import annotations

import errno
import json
import logging
import os
import re

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    MediaStorageDirectoryStorage,
    RTStructureSetStorage,
    SecondaryCaptureImageStorage,
)

from support.ct_series import ct_slice, series_uid, some_hu, write_ct_series
from support.geometry import oblique_affine
from swinx.data import check_data, find_cases, pick_series, read_volume, write_dicom_seg
from swinx.data.folders.label_content import holds_labels
from swinx.data.folders.no_scans import is_label_folder
from swinx.errors import CaseError, DataListError
from swinx.files import write_json

AFFINE = np.diag([-2.0, 2.0, 5.0, 1.0])
HU = some_hu()


def write_scan(path, array=HU, compressed=True):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith((".nii", ".nii.gz")):
        nib.save(nib.Nifti1Image(array, AFFINE), path)
    else:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array), str(path), compressed)
    return path


def organ(dtype=np.uint8):
    labels = np.zeros((24, 24, 24), dtype)
    labels[4:20, 4:20, 4:20] = 1
    labels[8:12, 8:12, 8:12] = 2
    return labels


def write_object(path, storage_class, modality, series=9, pixels=False, change=None):
    """Write a DICOM object that is no CT image."""
    ds = ct_slice(HU, AFFINE, 0, series=series)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = storage_class
    ds.Modality = modality
    if not pixels:
        del ds.PixelData, ds.Rows, ds.Columns
    if change:
        change(ds)
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def names(items):
    return [item["case"] for item in items]


def said(caplog):
    (line,) = [record.getMessage() for record in caplog.records if record.getMessage().startswith("scans in ")]
    return line


@pytest.fixture(autouse=True)
def _info(caplog):
    caplog.set_level(logging.INFO, logger="swinx")


def test_each_nifti_and_each_series_of_a_folder_is_a_case(tmp_path, caplog):
    for name in ("a.nii.gz", "b.nrrd", "c.mha"):
        write_scan(tmp_path / "scans" / name)
    folder = write_ct_series(tmp_path / "scans")
    items = find_cases(folder)
    assert names(items) == ["a", "b", "c", "scans"]
    assert items[-1] == {"image": str(folder), "case": "scans", "series": series_uid()}
    assert read_volume(items[-1]["image"]).array.shape == HU.shape
    assert said(caplog) == f"scans in {folder}: 4 (1 NIfTI, 1 NRRD, 1 MetaImage, 1 DICOM series)"


def test_a_cd_gives_its_series_by_patient_study_and_series(tmp_path, caplog):
    """DICOMDIR at the root, series in subfolders, slices without extension."""
    write_object(tmp_path / "DICOMDIR", MediaStorageDirectoryStorage, "")
    for patient in (1, 2):
        folder = write_ct_series(tmp_path / "DICOM" / f"PA{patient}" / "ST0" / "SE0", series=patient)
        for path in folder.iterdir():
            path.rename(path.with_suffix(""))
    items = find_cases(tmp_path)
    assert names(items) == ["DICOM_PA1_ST0_SE0", "DICOM_PA2_ST0_SE0"]
    assert [item["series"] for item in items] == [series_uid(1), series_uid(2)]
    line = said(caplog)
    assert "skipped 1: DICOMDIR (a directory of DICOM files)" in line
    assert "named after their folders, too, since several are called SE0: DICOM_PA1_ST0_SE0" in line


def test_series_of_one_folder_are_cases_of_their_own_and_one_can_be_picked(tmp_path):
    for series in (1, 2):
        folder = write_ct_series(tmp_path / "anna", hu=some_hu(seed=series), series=series)
    items = find_cases(folder)
    assert names(items) == [f"anna_{series_uid(1)}", f"anna_{series_uid(2)}"]
    for item, series in zip(items, (1, 2), strict=True):
        assert pydicom.dcmread(item["image"]).SeriesInstanceUID == series_uid(series)
    (picked,) = pick_series(items, series_uid(2))
    assert (picked["case"], picked["image"]) == ("anna", items[1]["image"])
    with pytest.raises(DataListError, match=r"no scan is the DICOM series 1\.2; series of CT found: "):
        pick_series(items, "1.2")


def test_objects_that_are_no_ct_images_are_skipped_with_their_kind(tmp_path, caplog):
    folder = write_ct_series(tmp_path / "in" / "ct", affine=oblique_affine())
    write_dicom_seg(tmp_path / "in" / "p1.dcm", np.ones(HU.shape, np.uint8), oblique_affine(), folder)
    write_object(tmp_path / "in" / "rt.dcm", RTStructureSetStorage, "RTSTRUCT")
    write_object(tmp_path / "in" / "xray.dcm", ComputedRadiographyImageStorage, "CR", pixels=True)

    def no_place(ds):
        del ds.ImagePositionPatient, ds.ImageOrientationPatient

    write_object(tmp_path / "in" / "dose.dcm", SecondaryCaptureImageStorage, "CT", 5, pixels=True, change=no_place)
    (item,) = find_cases(tmp_path / "in")
    assert item == {"image": str(folder), "case": "ct", "series": series_uid()}
    line = said(caplog)
    for told in ("p1.dcm (SEG,", "rt.dcm (RTSTRUCT,", "xray.dcm (CR,", "dose.dcm (secondary capture,"):
        assert told in line
    assert "skipped 4:" in line


def test_localizers_and_single_slices_beside_a_scan_are_skipped(tmp_path, caplog):
    def localize(ds, _):
        ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    folder = write_ct_series(tmp_path / "anna")
    write_ct_series(folder, series=2, change=localize)
    write_ct_series(folder, series=3, skip=(0, 1, 2, 3, 4))
    (item,) = find_cases(folder)
    assert (item["case"], item["series"]) == ("anna", series_uid(1))
    assert read_volume(item["image"]).array.shape == HU.shape
    assert "skipped 2: 6 files (a localizer), " in said(caplog)
    assert re.search(r"3_00\d\.dcm \(a single slice\)", said(caplog))


def test_a_single_slice_with_nothing_else_is_left_to_its_reader(tmp_path):
    assert names(find_cases(write_ct_series(tmp_path / "anna", skip=(0, 1, 2, 3, 4)))) == ["anna"]


def test_nothing_but_other_objects_is_refused_with_the_reason_of_each(tmp_path):
    write_object(tmp_path / "rt.dcm", RTStructureSetStorage, "RTSTRUCT")
    with pytest.raises(DataListError, match=r"no scans found in .*; skipped 1: rt\.dcm \(RTSTRUCT, no CT image\)"):
        find_cases(tmp_path)


def test_a_series_without_preamble_is_found(tmp_path):
    folder = write_ct_series(tmp_path / "old")
    for path in folder.iterdir():
        ds = pydicom.dcmread(path)
        del ds.file_meta
        ds.save_as(path.with_suffix(""), implicit_vr=True, little_endian=True)
        path.unlink()
    (item,) = find_cases(tmp_path)
    assert item["series"] == series_uid()


def test_damaged_slices_are_a_case_that_fails_and_not_lost(tmp_path):
    folder = write_ct_series(tmp_path / "scans" / "anna")
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:400])
    write_scan(tmp_path / "scans" / "b.nii.gz")
    assert names(find_cases(tmp_path / "scans")) == ["anna", "b"]


def test_a_copy_of_a_series_is_no_second_case(tmp_path, caplog):
    for name in ("first", "second"):
        write_ct_series(tmp_path / name)
    assert names(find_cases(tmp_path)) == ["first"]
    assert "second (a copy of first)" in said(caplog)


def test_a_series_that_lies_in_two_folders_fails_by_name(tmp_path):
    write_ct_series(tmp_path / "upper", skip=(0, 1, 2))
    write_ct_series(tmp_path / "lower", skip=(3, 4, 5))
    for item in find_cases(tmp_path):
        assert f"the slices of the DICOM series {series_uid()} lie in several folders, " in item["fault"]
    with pytest.raises(DataListError, match="lie in several folders"):
        find_cases(tmp_path, must_exist=True)
    report = check_data(tmp_path)
    assert [finding.case for finding in report.faults] == ["lower", "upper"]
    assert all("lie in several folders" in finding.finding for finding in report.faults)


def test_scans_of_one_name_are_called_after_their_folders(tmp_path, caplog):
    for patient in ("patient1", "patient2"):
        write_scan(tmp_path / patient / "ct_0000.nii.gz")
    write_scan(tmp_path / "other" / "chest.nii.gz")
    assert names(find_cases(tmp_path)) == ["chest", "patient1_ct", "patient2_ct"]
    assert "since several are called ct: patient1_ct ..." in said(caplog)


def test_files_of_one_folder_that_share_a_name_are_one_case_that_fails_and_the_others_go_on(tmp_path):
    for name in ("x/a.nii.gz", "x/a.nrrd", "x/a_0000.mha", "y/a.nii.gz", "y/b.nii.gz"):
        write_scan(tmp_path / name)
    items = find_cases(tmp_path)
    assert names(items) == ["b", "x_a", "y_a"]
    faults = [item.get("fault", "") for item in items]
    assert re.search(r"x/a\.nii\.gz, .*x/a\.nrrd and .*x/a_0000\.mha are both the case 'x_a'; rename", faults[1])
    assert faults[0] == faults[2] == ""
    with pytest.raises(DataListError, match=r"x/a\.nrrd and .*x/a_0000\.mha are both the case 'x_a'"):
        find_cases(tmp_path, must_exist=True)


def test_names_that_folders_make_differ_where_the_folders_do(tmp_path, caplog):
    for name in ("a/b_c", "x/b_c", "a_b/c", "x/c"):
        write_scan(tmp_path / f"{name}.nii.gz")
    items = find_cases(tmp_path, must_exist=True)
    first, second = (item["case"] for item in items[:2])
    assert first != second
    assert all(re.fullmatch(r"a_b_c_[0-9a-f]{6}", case) for case in (first, second))
    assert names(items)[2:] == ["x_b_c", "x_c"]
    line = said(caplog)
    assert "named after their folders, too, since several are called b_c, c: " in line
    assert "with a hash of their paths at the end, since several would be called a_b_c: a_b_c_" in line
    (tmp_path / "moved").mkdir()
    for name in ("a", "x", "a_b"):
        (tmp_path / name).rename(tmp_path / "moved" / name)
    assert names(find_cases(tmp_path / "moved")) == names(items), "the same wherever the folder lies"


def test_files_and_folders_that_are_named_differ_by_their_folders(tmp_path):
    for patient in ("p1", "p2"):
        write_scan(tmp_path / patient / "ct.nii.gz")
    named = [tmp_path / "p1" / "ct.nii.gz", tmp_path / "p2" / "ct.nii.gz"]
    assert names(find_cases(named)) == ["p1_ct", "p2_ct"]
    assert all("fault" not in item for item in find_cases([tmp_path / "p1", tmp_path / "p2"]))
    assert len(find_cases([tmp_path / "p1", tmp_path / "p2"], must_exist=True)) == 2


def test_a_slicer_export_gives_the_scan_and_not_its_segmentations(tmp_path, caplog):
    for name in ("CT.seg.nrrd", "CT-label.nrrd", "CT_Mask.nii.gz", "liver_label.nii", "b_seg.nii.gz"):
        write_scan(tmp_path / name, organ())
    write_scan(tmp_path / "CT.nrrd")
    assert names(find_cases(tmp_path)) == ["CT"]
    assert "skipped 5: CT-label.nrrd (named as a segmentation), " in said(caplog)
    assert names(find_cases(str(tmp_path / "*.n*"))) == ["CT"], "a pattern names none of them"
    assert names(find_cases([tmp_path / "b_seg.nii.gz"])) == ["b_seg"], "one that is named is meant"


def test_segmentations_with_nothing_else_are_what_is_meant(tmp_path):
    write_scan(tmp_path / "a_mask.nii.gz", organ())
    write_scan(tmp_path / "b_mask.nii.gz", organ())
    assert names(find_cases(tmp_path)) == ["a_mask", "b_mask"]


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("name", ["organs.nii", "organs.nrrd", "organs.nhdr", "organs.mha", "organs.mhd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_a_label_map_of_any_name_and_type_is_known_by_its_voxels(tmp_path, caplog, name, dtype, compressed):
    path = tmp_path / (f"{name}.gz" if compressed and name == "organs.nii" else name)
    scan = some_hu((24, 24, 24))
    write_scan(path, organ(dtype), compressed)
    write_scan(
        path.with_name(path.name.replace("organs", "scan")), scan.astype(np.int16 if dtype is np.uint8 else dtype)
    )
    assert names(find_cases(tmp_path)) == ["scan"]
    assert f"{path.name} (holds labels, no HU)" in said(caplog)


@pytest.mark.parametrize("name", ["organs.nii", "organs.nrrd", "organs.mha"])
def test_a_small_organ_outside_the_slices_looked_at_first_counts(tmp_path, name):
    array = np.zeros((24, 24, 24), np.int16)
    array[8:12, 8:12, :2] = 1
    write_scan(tmp_path / name, array, False)
    write_scan(tmp_path / "scan.nii.gz", some_hu((24, 24, 24)))
    assert names(find_cases(tmp_path)) == ["scan"]


def test_big_endian_text_and_lists_of_slices_are_looked_at_too(tmp_path):
    stored = organ(np.int16).transpose(2, 1, 0)
    head = "NRRD0004\ntype: short\ndimension: 3\nsizes: 24 24 24\nspacings: 1 1 1\n"
    text = " ".join(map(str, stored.ravel()))
    (tmp_path / "text.nrrd").write_text(f"{head}encoding: text\n\n{text}\n")
    (tmp_path / "big.nrrd").write_bytes(
        f"{head}encoding: raw\nendian: big\n\n".encode() + stored.astype(">i2").tobytes()
    )
    for index, part in enumerate(stored):
        (tmp_path / f"slice{index:02d}.raw").write_bytes(part.astype("<i2").tobytes())
    files = "\n".join(f"slice{index:02d}.raw" for index in range(24))
    (tmp_path / "list.nhdr").write_text(f"{head}encoding: raw\nendian: little\ndata file: LIST\n{files}\n")
    write_scan(tmp_path / "scan.nii.gz", some_hu((24, 24, 24)))
    assert names(find_cases(tmp_path)) == ["scan"]


def test_a_scan_without_compression_is_not_read_whole_to_see_that_it_holds_no_labels(tmp_path, monkeypatch):
    for name in ("a.nii", "b.nrrd", "c.mha", "d.mhd"):
        write_scan(tmp_path / name, some_hu((24, 24, 24)), False)
    monkeypatch.setattr("swinx.data.folders.label_content.read_volume", lambda *_, **__: pytest.fail("was read"))
    assert names(find_cases(tmp_path)) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.mha"])
def test_no_more_than_the_limit_is_read_to_see_whether_a_file_holds_labels(tmp_path, monkeypatch, name):
    write_scan(tmp_path / name, organ())
    monkeypatch.setattr("swinx.data.folders.label_content._LARGEST", 24**3)
    assert holds_labels(tmp_path / name)
    monkeypatch.setattr("swinx.data.folders.label_content._LARGEST", 24**3 - 1)
    monkeypatch.setattr("swinx.data.folders.label_content.read_volume", lambda *_, **__: pytest.fail("was read"))
    assert not holds_labels(tmp_path / name)


@pytest.mark.parametrize("array", [np.zeros((24, 24, 24), np.uint8), organ(np.float32)])
def test_an_empty_label_map_and_one_in_floating_point_are_known_too(tmp_path, array):
    write_scan(tmp_path / "organs.nii.gz", array)
    write_scan(tmp_path / "scan.nii.gz", some_hu((24, 24, 24)))
    assert names(find_cases(tmp_path)) == ["scan"]


def test_a_scan_of_8_bits_or_of_air_is_no_label_map(tmp_path):
    write_scan(tmp_path / "narrow.nii.gz", np.random.default_rng(0).integers(0, 255, (24, 24, 24)).astype(np.uint8))
    write_scan(tmp_path / "air.nii.gz", np.full((24, 24, 24), -1024, np.int16))
    (tmp_path / "damaged.nii.gz").write_bytes(b"no gzip")
    assert names(find_cases(tmp_path)) == ["air", "damaged", "narrow"]


def test_folders_of_labels_hidden_ones_and_the_output_folder_are_not_searched(tmp_path, caplog):
    for folder in ("labelsTr", "Labels", "segmentations", "Masks", ".cache", "out", "imagesTr"):
        write_scan(tmp_path / folder / "a.nii.gz")
    write_scan(tmp_path / "imagesTr" / "._b.nii.gz")
    (item,) = find_cases(tmp_path, output_dir=tmp_path / "out")
    assert item["image"] == str(tmp_path / "imagesTr" / "a.nii.gz")
    line = said(caplog)
    skipped = [f"{name} (a folder of labels)" for name in ("Labels", "Masks", "labelsTr", "segmentations")]
    assert f"skipped 5: {', '.join([*skipped[:3], 'out (the output folder)', skipped[3]])}" in line


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *((name, True) for name in ("labels", "labelsTr", "labelsTs", "labelsVal50", "labelsTrFull", "labels_final")),
        *(
            (name, True)
            for name in ("segmentations", "masks-2", "Labels", "LABELSTR", "labelstr", "masks 2", "Masks.old")
        ),
        *(
            (name, False)
            for name in ("Masksova", "Labelle", "Segmenta", "MASKSOVA", "labelset", "my labels", "Masks\u00f3")
        ),
    ],
)
def test_a_folder_is_one_of_labels_if_the_word_ends_where_it_should(tmp_path, name, is_one):
    assert is_label_folder(tmp_path / name) is is_one


def test_a_folder_of_labels_that_is_named_is_searched(tmp_path):
    write_scan(tmp_path / "labelsTr" / "a.nii.gz", organ())
    assert names(find_cases(tmp_path / "labelsTr")) == ["a"]


def test_what_earlier_runs_wrote_is_no_scan(tmp_path, caplog):
    """The output of inference_dicom.json, of a reconstruction and of a refinement."""
    scan = write_scan(tmp_path / "a.nii.gz", HU)
    out, again, refined = tmp_path / "eval", tmp_path / "reconstructed", tmp_path / "refined"
    write_scan(out / "a.nii.gz", HU)
    write_json(out / "a.json", {"case": "a", "image": str(scan), "prediction": str(out / "a.nii.gz")})
    for end in ("original", "masked", "reconstruction"):
        write_scan(again / f"a_{end}.nii.gz", HU)
    prediction = str(again / "a_reconstruction.nii.gz")
    write_json(again / "a.json", {"case": "a", "image": str(scan), "prediction": prediction})
    for name in ("a.nii.gz", "a_source.nii.gz"):
        write_scan(refined / name, HU)
    write_json(refined / "records" / "a.json", {"case": "a", "files": {"a.nii.gz": "", "a_source.nii.gz": ""}})
    (item,) = find_cases(tmp_path)
    assert item["image"] == str(scan)
    assert "eval/a.nii.gz (made by swinx, says a.json)" in said(caplog)


def test_a_record_that_has_a_file_as_its_image_makes_it_no_prediction(tmp_path):
    scan = write_scan(tmp_path / "a.nii.gz", HU)
    write_json(tmp_path / "a.json", {"case": "a", "image": str(scan), "prediction": "/elsewhere/a.nii.gz"})
    assert names(find_cases(tmp_path)) == ["a"]


def test_a_record_of_another_program_makes_no_scan_a_prediction(tmp_path):
    write_scan(tmp_path / "a.nii.gz")
    (tmp_path / "a.json").write_text(json.dumps({"Modality": "CT", "SeriesDescription": "abdomen"}))
    (tmp_path / "b.json").write_text("[")
    write_scan(tmp_path / "b.nii.gz")
    assert names(find_cases(tmp_path)) == ["a", "b"]


def test_data_files_of_detached_headers_are_no_scans(tmp_path):
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(HU), str(tmp_path / "a.mhd"), True)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(HU), str(tmp_path / "b.nhdr"), False)
    assert names(find_cases(tmp_path)) == ["a", "b"]


def test_links_are_followed_and_loops_end(tmp_path):
    data = tmp_path / "data"
    write_scan(data / "a.nii.gz")
    write_scan(tmp_path / "elsewhere" / "b.nii.gz")
    write_scan(tmp_path / "c.nii.gz")
    (data / "linked").symlink_to(tmp_path / "elsewhere")
    (data / "c.nii.gz").symlink_to(tmp_path / "c.nii.gz")
    (data / "loop").symlink_to(data)
    (tmp_path / "elsewhere" / "up").symlink_to(data)
    (data / "self").symlink_to("self")
    assert names(find_cases(data)) == ["a", "b", "c"]


def test_pipes_and_folders_that_are_called_as_files_are_told(tmp_path, caplog):
    write_scan(tmp_path / "a.nii.gz")
    for name in ("pipe.nii.gz", "pipe.dcm", ".pipe.nii"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "slice.dcm").symlink_to("gone")
    (tmp_path / "empty.nii.gz").mkdir()
    (tmp_path / "unpacked.mha" / "inside").mkdir(parents=True)
    write_scan(tmp_path / "full.nii.gz" / "inside" / "b.nii.gz")
    assert names(find_cases(tmp_path)) == ["a", "b"]
    line = said(caplog)
    for name in ("pipe.dcm", "pipe.nii.gz"):
        assert f"{name} (no file: " in line
    assert "a named pipe" in line
    assert "slice.dcm (no file: No such file or directory)" in line
    for name in ("empty.nii.gz", "unpacked.mha"):
        assert f"{name} (a folder without scans)" in line
    assert "skipped 5: " in line


def test_a_link_to_a_pipe_is_left_to_its_reader(tmp_path):
    (tmp_path / "scans").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("a.nrrd", "b.nii.gz"):
        (tmp_path / "scans" / name).symlink_to(tmp_path / "pipe")
    items = find_cases(tmp_path / "scans")
    for item in items:
        with pytest.raises(CaseError, match="a named pipe"):
            read_volume(item["image"])


def test_a_folder_that_cannot_be_opened_is_told(tmp_path, caplog, monkeypatch):
    write_scan(tmp_path / "a.nii.gz")
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refuse(place):
        if os.fspath(place).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refuse)
    assert names(find_cases(tmp_path)) == ["a"]
    assert "closed (cannot be opened: Permission denied)" in said(caplog)


@pytest.mark.parametrize("source", ["", " ", ["", "scans"]])
def test_an_empty_path_does_not_mean_the_working_folder(tmp_path, monkeypatch, source):
    write_scan(tmp_path / "scans" / "a.nii.gz")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataListError, match="a path is empty"):
        find_cases(source)
    assert [item["case"] for item in find_cases(".")] == ["a"]


def test_a_long_list_of_what_was_skipped_is_cut(tmp_path, caplog):
    for index in range(14):
        (tmp_path / f"labels{index:02d}").mkdir()
    write_scan(tmp_path / "a.nii.gz")
    find_cases(tmp_path)
    assert "skipped 14: labels00 (a folder of labels), " in said(caplog)
    assert said(caplog).endswith("labels09 (a folder of labels) and 4 more")


def test_a_data_list_counts_where_there_are_no_scans_beside_it(tmp_path):
    write_scan(tmp_path / "images" / "a.nii.gz")
    write_json(tmp_path / "datalist.json", {"testing": [{"case": "listed", "image": "images/a.nii.gz"}]})
    write_object(tmp_path / "DICOMDIR", MediaStorageDirectoryStorage, "")
    assert names(find_cases(tmp_path)) == ["listed"]
    write_ct_series(tmp_path)
    assert names(find_cases(tmp_path)) == ["a", tmp_path.name]


def test_slices_that_are_named_stand_for_their_series_once(tmp_path):
    for series in (1, 2):
        folder = write_ct_series(tmp_path / "anna", series=series)
    (folder / "notes.txt").write_text("scanned on a Monday")
    expected = [f"anna_{series_uid(1)}", f"anna_{series_uid(2)}"]
    for source in (str(folder / "*"), sorted(folder.glob("*.dcm")), [folder, folder / "1_000.dcm"]):
        items = find_cases(source)
        assert names(items) == expected
        assert [item["series"] for item in items] == [series_uid(1), series_uid(2)]
    assert names(find_cases(sorted(folder.glob("1_*")))) == ["anna"]
    others = [folder / "notes.txt", tmp_path / "more.txt"]
    others[1].write_text("")
    assert names(find_cases(others)) == ["more.txt", "notes.txt"], "for their reader to refuse"
    damaged = folder / "1_000.dcm"
    damaged.write_bytes(damaged.read_bytes()[:300])
    (item,) = find_cases(sorted(folder.glob("1_*")))
    with pytest.raises(CaseError, match=r"1_000\.dcm"):
        read_volume(item["image"])


def test_a_slice_that_is_named_stands_for_its_series(tmp_path):
    folder = write_ct_series(tmp_path / "anna")
    first = sorted(folder.iterdir())[0]
    assert find_cases(first) == [{"image": str(first), "case": "anna"}]


def test_an_unusable_entry_of_a_list_is_no_series_even_where_a_series_lies_in_the_current_folder(tmp_path, monkeypatch):
    write_ct_series(tmp_path, some_hu())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataListError, match=series_uid(1)):
        pick_series([{"case": "a", "fault": "list.json: testing[0]: why"}], series_uid(1))

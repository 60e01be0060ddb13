"""find_label_maps: the volumes directly in a folder, whatever else lies beside them."""

from __future__ import annotations

import json

import pytest

from support.slicer_seg import write_layers
from swinx.data import find_label_maps, label_case_name, read_volume
from swinx.errors import CaseError, DataListError


def touch(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"\0" * 128 + b"DICM" if name.endswith((".dcm", "DICOMDIR")) else b"")
    return folder


def test_dicom_records_and_hidden_files_beside_the_label_maps_are_passed_over(tmp_path):
    names = ("a.nii.gz", "b.nrrd", "a.dcm", "a.json", "cases.json", "DICOMDIR", "._a.nii.gz", "notes.txt", "b.raw")
    folder = touch(tmp_path / "out", *names)
    (folder / "series").mkdir()
    touch(folder / "series", "1.dcm", "c.nii.gz")
    assert find_label_maps(folder) == {"a": folder / "a.nii.gz", "b": folder / "b.nrrd"}


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("CT.seg.nrrd", "CT"),
        ("CT.seg.nii.gz", "CT"),
        ("CT_0000.seg.nrrd", "CT"),
        ("CT_0000.nii.gz", "CT"),
        ("scan.v2.mha", "scan.v2"),
        (".seg.nrrd", ".seg"),
    ],
)
def test_the_mark_of_a_segmentation_is_no_part_of_the_case_name(name, case):
    assert label_case_name(name) == case


def test_two_label_maps_of_one_case_are_refused_by_name(tmp_path):
    folder = touch(tmp_path / "out", "CT.nii.gz", "CT.seg.nrrd")
    with pytest.raises(DataListError, match=r"CT\.nii\.gz and .*CT\.seg\.nrrd are both label maps of case 'CT'"):
        find_label_maps(folder)


def test_a_folder_without_label_maps_is_refused_by_name(tmp_path):
    folder = touch(tmp_path / "out", "a.dcm", "a.json")
    with pytest.raises(DataListError, match=r"out: holds no label maps; looked for \.nii\.gz"):
        find_label_maps(folder)
    with pytest.raises(DataListError, match="gone: holds no label maps"):
        find_label_maps(tmp_path / "gone")


def test_files_patterns_and_folders_may_be_mixed(tmp_path):
    folder = touch(tmp_path / "out", "a.nii.gz", "b.nii.gz", "b.dcm")
    other = touch(tmp_path / "more", "c.nrrd")
    assert list(find_label_maps([folder / "a.nii.gz", other])) == ["a", "c"]
    assert list(find_label_maps(str(tmp_path / "*" / "[bc].n*"))) == ["b", "c"]
    assert list(find_label_maps(str(tmp_path / "*"))) == ["a", "b", "c"]


@pytest.mark.parametrize("layers", [2, 3])
def test_a_segmentation_in_layers_is_refused_with_what_to_do(tmp_path, layers):
    path = write_layers(tmp_path / "CT.seg.nrrd", layers)
    with pytest.raises(CaseError, match=rf"a segmentation in {layers} layers, .* export it as one label map"):
        read_volume(path, "label")


def test_a_data_list_gives_its_labels(tmp_path):
    entries = [{"image": "a_0000.nii.gz", "label": "labels/a.nii.gz"}, {"image": "b.nii.gz"}]
    (tmp_path / "datalist.json").write_text(json.dumps({"testing": entries}))
    expected = {"a": tmp_path / "labels" / "a.nii.gz", "b": tmp_path / "b.nii.gz"}
    assert find_label_maps(tmp_path / "datalist.json") == expected
    assert find_label_maps(tmp_path) == expected

"""find_cases: a file, files, a pattern, a folder or a data list become items with image and case."""

from __future__ import annotations

import json

import pytest

from swinx.data import case_name, find_cases
from swinx.errors import DataListError


@pytest.fixture
def folder(tmp_path):
    """Return a folder with three scans and files that are none; only names and DICOM's mark matter here."""
    for name in ("b_0000.nii.gz", "a.nrrd", "C.MHA", "notes.txt", "._b_0000.nii.gz", "c.raw"):
        (tmp_path / name).touch()
    return tmp_path


def make_series(folder):
    folder.mkdir()
    (folder / "IM1").write_bytes(b"\0" * 128 + b"DICM")
    return folder


def cases(items):
    return [item["case"] for item in items]


@pytest.mark.parametrize(
    ("path", "case"),
    [
        ("x/FLARE23_0001_0000.nii.gz", "FLARE23_0001"),
        ("FLARE23_0001.nii", "FLARE23_0001"),
        ("scan.v2.NRRD", "scan.v2"),
        ("x_0000_0000.mha", "x_0000"),
        ("_0000.nii.gz", "_0000"),
        ("patients/1.2.840.113", "1.2.840.113"),
        ("patients/anna/", "anna"),
        ("patients/anna/IM1.dcm", "anna"),
    ],
)
def test_a_case_is_named_without_folder_extension_and_channel(path, case):
    assert case_name(path) == case


def test_a_folder_gives_its_volumes_in_name_order(folder):
    items = find_cases(folder)
    assert cases(items) == ["C", "a", "b"]
    assert items[2] == {"image": str(folder / "b_0000.nii.gz"), "case": "b"}


def test_a_folder_gives_the_series_of_its_subfolders_too(folder):
    make_series(folder / "patient7")
    (folder / "deep").mkdir()
    make_series(folder / "deep" / "patient8")
    assert cases(find_cases(folder)) == ["C", "a", "b", "patient7", "patient8"]


def test_a_folder_that_is_a_series_is_one_case(tmp_path):
    series = make_series(tmp_path / "patient7")
    assert find_cases(str(series)) == [{"image": str(series), "case": "patient7"}]


def test_one_file_is_one_case_with_an_absolute_path(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert find_cases("a.nrrd") == [{"image": str(folder / "a.nrrd"), "case": "a"}]


def test_files_and_folders_may_be_mixed_and_named_twice(folder):
    series = make_series(folder / "patient7")
    assert cases(find_cases([folder / "a.nrrd", series, str(folder / "a.nrrd")])) == ["a", "patient7"]


def test_a_pattern_is_expanded(folder):
    assert cases(find_cases(str(folder / "*.nii.gz"))) == ["b"]
    assert cases(find_cases(str(folder / "[aC].*"))) == ["C", "a"]


def test_a_named_file_that_is_missing_stays_in_the_list(folder):
    assert cases(find_cases([folder / "a.nrrd", folder / "gone.nii.gz"])) == ["a", "gone"]


@pytest.mark.parametrize("source", ["nowhere", "nowhere.nii.gz"])
def test_a_path_that_is_missing_is_told_as_such(tmp_path, source):
    with pytest.raises(DataListError, match=rf"{source}: no such file or folder$"):
        find_cases(str(tmp_path / source))


@pytest.mark.parametrize("source", ["*.img", "empty"])
def test_nothing_found_says_what_was_looked_for(tmp_path, source):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataListError, match=r"no scans found in .*looked for \.nii\.gz.*DICOM"):
        find_cases(str(tmp_path / source))


def test_two_files_of_one_case_are_both_named(folder):
    (folder / "a_0000.nii").touch()
    with pytest.raises(DataListError, match=r"a\.nrrd and .*a_0000\.nii are both the case 'a'"):
        find_cases(folder, must_exist=True)
    assert [item["case"] for item in find_cases(folder) if "fault" in item] == ["a"]


def test_a_data_list_keeps_missing_files_for_their_reader(folder):
    entries = [{"image": "b_0000.nii.gz", "label": "b.nii.gz", "annotated": [1]}, {"image": "gone.nii.gz"}]
    (folder / "list.json").write_text(json.dumps({"testing": entries}))
    items = find_cases(folder / "list.json")
    assert cases(items) == ["b", "gone"]
    assert items[0]["label"] == str(folder / "b.nii.gz")
    assert items[0]["annotated"] == [1]


def test_a_data_list_may_lie_outside_the_data_directory(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("lists") / "mine.json"
    elsewhere.write_text(json.dumps({"validation": [{"image": "a.nrrd"}]}))
    items = find_cases(folder, data_list=elsewhere, section="validation")
    assert items == [{"image": str(folder / "a.nrrd"), "case": "a"}]
    with pytest.raises(DataListError, match="one folder"):
        find_cases([folder, folder], data_list=elsewhere)


def test_a_folder_without_volumes_of_its_own_is_read_by_its_data_list(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.nii.gz").write_bytes(b"")
    (tmp_path / "datalist.json").write_text(json.dumps({"testing": [{"case": "a", "image": "images/a.nii.gz"}]}))
    assert [item["case"] for item in find_cases(tmp_path)] == ["a"]


def test_volumes_in_the_folder_outrank_its_data_list(tmp_path):
    (tmp_path / "b.nii.gz").write_bytes(b"")
    (tmp_path / "datalist.json").write_text(json.dumps({"testing": []}))
    assert [item["case"] for item in find_cases(tmp_path)] == ["b"]


def test_files_that_must_exist_are_missed_before_the_work_begins(folder):
    missing = str(folder / "missing.nii.gz")
    with pytest.raises(DataListError, match=r"1 of the scans named do not exist.*missing\.nii\.gz"):
        find_cases([str(folder), missing], must_exist=True)
    assert find_cases(folder, must_exist=True) == find_cases(folder)


def test_several_sections_of_a_list_are_read_as_far_as_it_has_them(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.nii.gz").touch()
    entries = {name: {"case": name, "image": f"{name}.nii.gz"} for name in "abc"}
    sections = {"training": [entries["a"], entries["b"]], "unlabeled": [entries["c"], entries["a"]]}
    (tmp_path / "datalist.json").write_text(json.dumps(sections))
    wanted = ["unlabeled", "training", "testing"]
    for must_exist in (True, False):
        items = find_cases(tmp_path / "datalist.json", section=wanted, must_exist=must_exist)
        assert [item["case"] for item in items] == ["c", "a", "b"]
    with pytest.raises(DataListError, match="has no cases in the sections testing"):
        find_cases(tmp_path / "datalist.json", section=["testing"])
    (tmp_path / "datalist.json").write_text(json.dumps({**sections, "unlabeled": []}))
    for must_exist in (True, False):
        items = find_cases(tmp_path / "datalist.json", section=wanted, must_exist=must_exist)
        assert [item["case"] for item in items] == ["a", "b"]
    (tmp_path / "datalist.json").write_text(json.dumps({**sections, "unlabeled": {}}))
    with pytest.raises(DataListError, match="unlabeled"):
        find_cases(tmp_path / "datalist.json", section=wanted)

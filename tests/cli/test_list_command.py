"""The command that lists a collection says what it found and what it left out, and replaces nothing unasked."""

from __future__ import annotations

import json

import pytest

from swinx.cli.data_commands import DataCommands
from swinx.cli.front.terminal import label_set_given
from swinx.data import list_label_set, load_data_list
from swinx.errors import DataListError, LabelSetError
from swinx.labels import read_label_set

LUNGS = {"background": 0, "left lung lobe": 2, "right lung lobe": 5, "nodule": 9}
OPTIONS = {"image": "{case}/ct.nii.gz", "label": "{case}/seg.nii.gz", "labels": json.dumps(LUNGS)}


@pytest.fixture
def folder(tmp_path):
    for case in "abcde":
        (tmp_path / "data" / case).mkdir(parents=True)
        (tmp_path / "data" / case / "ct.nii.gz").touch()
        (tmp_path / "data" / case / "seg.nii.gz").touch()
    (tmp_path / "data" / "e" / "ct.nii.gz").unlink()
    return tmp_path / "data"


def test_it_tells_what_it_found_and_left_out(folder, capsys):
    DataCommands().list(str(folder), **OPTIONS)
    told = capsys.readouterr()
    assert told.out.splitlines()[:3] == [
        "patterns: 4 cases, 1 left out",
        "classes (of the collection): left lung lobe, right lung lobe, nodule",
        "cases: 3 training, 1 validation",
    ]
    assert str(folder / "datalist.json") in told.out
    assert "e/seg.nii.gz: no scan of case e" in told.err
    assert list_label_set(folder / "datalist.json") == read_label_set(LUNGS)
    assert json.loads((folder / "datalist.json").read_text())["left_out"][0]["reason"] == "no scan of case e"


def test_a_list_that_is_there_is_replaced_only_on_request(folder):
    DataCommands().list(str(folder), **OPTIONS)
    with pytest.raises(DataListError, match="is there already; give --overwrite"):
        DataCommands().list(str(folder), **OPTIONS)
    DataCommands().list(str(folder), **OPTIONS, overwrite=True, validation=0)
    assert len(load_data_list(folder / "datalist.json", "training")) == 4
    DataCommands().list(str(folder), **OPTIONS, folds=2)
    with pytest.raises(DataListError, match=r"datalist_fold0\.json is there already"):
        DataCommands().list(str(folder), **OPTIONS, folds=2)


def test_files_elsewhere_are_found_in_the_roots(folder, tmp_path):
    (tmp_path / "drawn" / "a").mkdir(parents=True)
    (tmp_path / "drawn" / "a" / "liver.nii.gz").touch()
    out = tmp_path / "lists" / "datalist.json"
    options = OPTIONS | {"label": "{case}/liver.nii.gz"}
    DataCommands().list(str(folder), **options, out=str(out), roots=f"{tmp_path / 'drawn'},", validation=0)
    assert [item["case"] for item in load_data_list(out, "training")] == ["a"]
    assert [item["case"] for item in load_data_list(out, "unlabeled")] == ["b", "c", "d"]


def test_a_label_set_is_given_by_name_by_file_or_inline(tmp_path):
    (tmp_path / "lungs.json").write_text(json.dumps(LUNGS))
    assert label_set_given(None) is None
    assert label_set_given("btcv") == read_label_set("btcv")
    assert label_set_given(str(tmp_path / "lungs.json")) == label_set_given(json.dumps(LUNGS))
    with pytest.raises(LabelSetError, match="--labels: is no JSON"):
        label_set_given("{liver: 1}")
    with pytest.raises(LabelSetError, match="--labels: no label set 'lungs'"):
        label_set_given("lungs")


def test_a_class_that_stands_twice_is_refused(run, folder):
    code, _, said = run("data", "list", folder, "--labels", '{"background": 0, "liver": 1, "liver": 2}')
    assert code == 1
    assert "'liver' stands twice" in said


def test_a_root_that_is_the_folder_itself_is_searched_once(run, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for file in ("ct.nii.gz", "seg.nii.gz"):
            (tmp_path / "data" / name / file).touch()
    words = ["--image", "{case}/ct.nii.gz", "--label", "{case}/seg.nii.gz", "--labels", '{"background": 0, "liver": 1}']
    target = tmp_path / "list.json"
    code, printed, said = run("data", "list", tmp_path / "data", *words, "--roots", tmp_path / "data", "--out", target)
    assert (code, target.is_file()) == (0, True), printed + said

"""The FLARE-23 layout becomes a data list that says what was annotated, and how that is known."""

from __future__ import annotations

import json
import os
import unicodedata

import nibabel as nib
import numpy as np
import pytest

from swinx.data import flare_data_list, load_annotated_manifest, load_data_list
from swinx.errors import DataListError


def save(path, *ids):
    label = np.zeros((4, 5, 6), np.uint8)
    label.flat[: len(ids)] = ids
    path.parent.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(label, np.diag([-0.7, 0.7, 5.0, 1.0])), path)


@pytest.fixture(params=["labelsVal50", "validation-public-labels"])
def download(tmp_path, request):
    save(tmp_path / "imagesTr2200/FLARE23_0001_0000.nii.gz")
    save(tmp_path / "labelsTr2200/FLARE23_0001.nii.gz", 1, 13, 14)
    save(tmp_path / "imagesTr2200/FLARE23_0002_0000.nii.gz")
    save(tmp_path / "labelsTr2200/FLARE23_0002.nii.gz", 14)
    save(tmp_path / "imagesTr2200/FLARE23_0003_0000.nii.gz")
    save(tmp_path / "unlabeledTr1800/FLARE23_2201_0000.nii.gz")
    save(tmp_path / "imagesVal/FLARE23Ts_0001_0000.nii.gz")
    save(tmp_path / "imagesVal/FLARE23Ts_0002_0000.nii.gz")
    save(tmp_path / request.param / "FLARE23Ts_0001.nii.gz", *range(1, 15))
    return tmp_path


def cases(path):
    content = json.loads(path.read_text())
    return {section: [entry["case"] for entry in content[section]] for section in content if section in SECTIONS}


SECTIONS = ("training", "validation", "unlabeled", "testing")


def test_every_image_is_in_the_section_that_its_label_allows(download):
    assert cases(flare_data_list(download)) == {
        "training": ["FLARE23_0001", "FLARE23_0002"],
        "validation": ["FLARE23Ts_0001"],
        "unlabeled": ["FLARE23_0003", "FLARE23_2201"],
        "testing": ["FLARE23Ts_0002"],
    }


def test_annotated_is_inferred_from_presence_and_recorded_as_such(download):
    items = load_data_list(flare_data_list(download), "training", need_label=True)
    assert [item["annotated"] for item in items] == [[1, 13, 14], [14]]
    assert {item["annotated_source"] for item in items} == {"inferred"}
    assert items[0]["label"] == str(download / "labelsTr2200/FLARE23_0001.nii.gz")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.csv", "case,annotated\nFLARE23_0001,14 13 1 2\n"),
        ("manifest.json", json.dumps({"FLARE23_0001": [1, 2, 13, 14], "FLARE23Ts*": [1, 3]})),
    ],
)
def test_a_manifest_outranks_presence_and_the_rest_is_inferred(download, name, content):
    (download / name).write_text(content)
    path = flare_data_list(download, annotated=download / name)
    first, second = load_data_list(path, "training")
    assert (first["annotated"], first["annotated_source"]) == ([1, 2, 13, 14], "manifest")
    assert (second["annotated"], second["annotated_source"]) == ([14], "inferred")
    if name.endswith(".json"):
        assert load_data_list(path, "validation")[0]["annotated"] == [1, 3]


def test_a_case_whose_label_is_damaged_is_left_out_and_named(download):
    (download / "labelsTr2200/FLARE23_0002.nii.gz").write_bytes(b"not a label")
    path = flare_data_list(download)
    assert cases(path)["training"] == ["FLARE23_0001"]
    (left_out,) = json.loads(path.read_text())["left_out"]
    assert left_out["case"] == "FLARE23_0002"
    assert "damaged" in left_out["reason"]


def test_labels_kept_beside_the_official_ones_are_not_taken_for_them(download):
    save(download / "labelsTrFull/FLARE23_0002.nii.gz", 1, 2, 3)
    items = load_data_list(flare_data_list(download), "training")
    assert [item["annotated"] for item in items] == [[1, 13, 14], [14]]


def test_labels_of_test_images_are_listed_where_there_are_any(download):
    save(download / "imagesTs/t1_0000.nii.gz")
    save(download / "imagesTs/t2_0000.nii.gz")
    save(download / "labelsTs/t1.nii.gz", 3)
    items = {item["case"]: item for item in load_data_list(flare_data_list(download), "testing")}
    assert set(items) == {"FLARE23Ts_0002", "t1", "t2"}
    assert items["t1"]["annotated"] == [3]
    assert "label" not in items["t2"]


def test_the_list_may_lie_elsewhere(download, tmp_path_factory):
    out = tmp_path_factory.mktemp("lists") / "sub" / "flare.json"
    assert flare_data_list(download, out) == out
    assert len(load_data_list(out, "training", base_dir=download)) == 2


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(DataListError, match="none of imagesTr2200"):
        flare_data_list(tmp_path)


def test_one_case_in_two_files_is_refused(download):
    save(download / "imagesTr2200/FLARE23_0001_0000.nii")
    with pytest.raises(DataListError, match="are both the case 'FLARE23_0001'"):
        flare_data_list(download)


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("m.csv", "case,classes\nA,1\n", "instead of case, annotated"),
        ("m.csv", "case,annotated\nA,livver\n", "not a manifest"),
        ("m.csv", "case,annotated\nA,15\n", "class ids in 1..14"),
        ("m.json", "[1]", "not a list"),
        ("m.json", '{"A": 1}', "A: 1 is not a list"),
        ("m.json", "{", "not a manifest"),
    ],
)
def test_a_bad_manifest_is_named(tmp_path, name, content, fault):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataListError, match=rf"{name}.*{fault}"):
        load_annotated_manifest(tmp_path / name)


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(DataListError, match=r"gone\.csv: cannot read"):
        load_annotated_manifest(tmp_path / "gone.csv")


def test_a_pair_whose_names_are_composed_differently_is_one_case(download):
    save(download / "imagesTr2200" / f"{unicodedata.normalize('NFC', 'Müller')}_0000.nii.gz")
    save(download / "labelsTr2200" / f"{unicodedata.normalize('NFD', 'Müller')}.nii.gz", 1)
    (item,) = [item for item in load_data_list(flare_data_list(download), "training") if item["case"].startswith("M")]
    assert item["case"] == unicodedata.normalize("NFC", "Müller")
    assert unicodedata.normalize("NFC", item["label"]).endswith("labelsTr2200/Müller.nii.gz")


@pytest.mark.parametrize("name", ["a\nb", os.fsdecode(b"a\xff"), "x" * 240])
def test_a_name_that_cannot_name_a_file_is_left_out_and_the_list_is_usable(download, name):
    save(download / "unlabeledTr1800" / f"{name}.nii")
    path = flare_data_list(download)
    assert cases(path)["unlabeled"] == ["FLARE23_0003", "FLARE23_2201"]
    (left_out,) = json.loads(path.read_text())["left_out"]
    assert "cannot name an output file" in left_out["reason"]
    assert load_data_list(path, "unlabeled")

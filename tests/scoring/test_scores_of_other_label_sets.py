"""Folders of any label set: whose classes they are, what the numbers in files mean, and what is recorded."""

from __future__ import annotations

import json
import math
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from support.geometry import oblique_affine
from swinx.errors import DataListError, LabelSetError
from swinx.labels import file_numbers, read_label_set
from swinx.metrics import score_case, score_columns, table_label_set
from swinx.scoring import label_set_beside, read_scores, score_folders

AFFINE = oblique_affine("PIR")
GAPS = {
    "name": "gaps",
    "labels": {"background": 0, "left lung lobe": 10, "right lung lobe": 30, '=nodule, "solid"': 200},
    "classes": {'=nodule, "solid"': {"inside": ["left lung lobe", "right lung lobe"], "tolerance_mm": 1.5}},
}
LUNGS = read_label_set(GAPS)
NODULE = LUNGS.names[3]


def ids(shift: int = 0) -> np.ndarray:
    array = np.zeros((11, 10, 9), np.uint8)
    array[1:5, 2:8, 1:7], array[6:10, 2:8, 1:7], array[7:9, 3:5, 3:5] = 1, 2, 3
    return np.roll(array, shift, axis=1)


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, AFFINE), path)
    return path


@pytest.fixture
def folders(tmp_path):
    """Two cases whose files hold the numbers of a set with gaps; the prediction of ``b`` is moved by a voxel."""
    for case, shift in (("a", 0), ("b", 1)):
        save(tmp_path / "reference" / f"{case}.nii.gz", file_numbers(LUNGS, ids()))
        save(tmp_path / "prediction" / f"{case}.nii.gz", file_numbers(LUNGS, ids(shift)))
    return tmp_path


def score(folder: Path, **options):
    return score_folders(folder / "reference", folder / "prediction", folder / "out", show_progress=False, **options)


def beside(folder: Path, labels, **entry) -> None:
    """Lay a data list of the references beside them."""
    entries = [{"case": c, "image": "ct.nii.gz", "label": f"reference/{c}.nii.gz", **entry} for c in "ab"]
    (folder / "datalist.json").write_text(json.dumps({"name": "lungs", "labels": labels, "training": entries}))


def test_numbers_of_files_are_read_as_classes(folders):
    report = score(folders, label_set=LUNGS)
    assert report.ok
    assert report.protocol == "standard"
    spacing_mm = nib.affines.voxel_sizes(AFFINE)
    expected = score_case(ids(), ids(1), spacing_mm, "standard", 1, label_set=LUNGS)
    assert tuple(report.table.columns) == score_columns(LUNGS)
    np.testing.assert_allclose(
        report.table.loc["b"], [v for by_metric in expected.values() for v in by_metric.values()]
    )
    assert (report.table.loc["a"] == 1).all()
    assert report.cases["a"].reference == (1, 2, 3)


def test_numbers_of_no_class_are_named(folders):
    strange = file_numbers(LUNGS, ids())
    strange[0, 0, 0] = 3
    save(folders / "prediction" / "b.nii.gz", strange)
    report = score(folders, label_set=LUNGS)
    assert [Path(error.path).name for error in report.bad_cases] == ["b.nii.gz"]
    assert "3" in report.bad_cases[0].reason


def test_the_list_beside_the_references_names_the_classes_and_an_argument_goes_before_it(folders):
    beside(folders, GAPS)
    assert score(folders).label_set == LUNGS
    assert label_set_beside(None, folders / "prediction" / "a.nii.gz") == LUNGS
    other = read_label_set(GAPS["labels"] | {"trachea": 201})
    report = score(folders, label_set=other)
    assert report.label_set == other
    assert math.isnan(report.table.loc["a", "trachea_dsc"])


def test_numbers_of_which_nothing_tells_the_classes_are_not_scored(folders):
    assert label_set_beside(folders / "reference", ["several"], None) is None
    with pytest.raises(LabelSetError, match=r"prediction: nothing says what the numbers .* name their label set by"):
        score(folders)
    assert not (folders / "out").exists()
    with pytest.raises(DataListError, match=r"nowhere: no such file or folder"):
        score_folders(folders / "nowhere", folders / "prediction", folders / "out")


def test_a_list_tells_what_was_annotated_in_its_own_numbers_and_names(folders):
    beside(folders, GAPS, annotated=[10, "right lung lobe"])
    report = score(folders)
    assert report.cases["a"].annotated == (1, 2)
    assert report.table[f"{NODULE.replace(' ', '_')}_dsc"].isna().all()
    assert "2 values are left out" in report.text


def test_a_label_map_of_the_list_holds_for_its_references_alone(folders):
    for case in "ab":
        save(folders / "reference" / f"{case}.nii.gz", np.array([0, 7, 9, 4], np.uint8)[ids()])
    beside(folders, GAPS, label_map={"7": "left lung lobe", "9": 30, "4": NODULE})
    report = score(folders)
    assert report.ok
    assert (report.table.loc["a"] == 1).all()
    elsewhere = folders / "elsewhere"
    for case in "ab":
        save(elsewhere / f"{case}.nii.gz", file_numbers(LUNGS, ids()))
    args = elsewhere, folders / "prediction", folders / "out2"
    assert score_folders(*args, show_progress=False, data_list=folders / "datalist.json").ok


def test_a_class_without_a_mask_is_not_annotated(folders):
    for label, name in enumerate(("left lung lobe", "right lung lobe"), start=1):
        save(folders / "masks" / "a" / f"{name}.nii.gz", (ids() == label).astype(np.uint8))
    entry = {"case": "a", "image": "ct.nii.gz", "label": "masks/a"}
    (folders / "list.json").write_text(json.dumps({"labels": GAPS, "testing": [entry]}))
    args = folders / "list.json", folders / "prediction", folders / "out"
    report = score_folders(*args, show_progress=False)
    assert report.ok, report.text
    assert report.cases["a"].annotated == (1, 2)
    assert report.table.loc["a", "left_lung_lobe_dsc"] == 1
    assert math.isnan(report.table.loc["a", score_columns(LUNGS)[-1]])


def test_the_record_names_the_label_set_and_reads_back(folders):
    score(folders, label_set=LUNGS)
    content = json.loads((folders / "out" / "summary.json").read_text())
    assert content["labels"]["name"] == "gaps"
    assert read_label_set(content["labels"]) == LUNGS
    assert "label set gaps" in (folders / "out" / "summary.md").read_text()
    table = read_scores(folders / "out" / "scores.csv")
    assert table_label_set(table) == LUNGS
    assert tuple(table.columns) == score_columns(LUNGS)


def test_no_spreadsheet_runs_the_name_of_a_class(folders):
    report = score(folders, label_set=read_label_set({"background": 0, "=A1": 10, "+b": 30, 'x, "y"': 200}))
    first, *_ = (folders / "out" / "scores.csv").read_text().splitlines()
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in first.split(","))
    pd.testing.assert_frame_equal(read_scores(folders / "out" / "scores.csv"), report.table, check_index_type=False)


def test_scores_of_other_columns_than_the_label_set_has_are_refused(folders):
    score(folders, label_set=LUNGS)
    with pytest.raises(ValueError, match="left_lung_lobe_dsc"):
        read_scores(folders / "out" / "scores.csv", label_set=read_label_set("amos"))


def test_a_damaged_label_set_in_the_record_is_named(folders):
    score(folders, label_set=LUNGS)
    place = folders / "out" / "summary.json"
    content = json.loads(place.read_text())
    content["labels"]["labels"]["background"] = 5
    place.write_text(json.dumps(content))
    with pytest.raises(LabelSetError, match=r"summary\.json: labels: number 0 must be the class background"):
        read_scores(folders / "out" / "scores.csv")


def test_the_challenges_protocol_is_refused_before_a_case_is_read(folders):
    with pytest.raises(LabelSetError, match="the label set gaps has others; give protocol standard"):
        score(folders, protocol="flare23", label_set=LUNGS)
    assert not (folders / "out").exists()


def test_a_list_called_flare23_of_other_classes_is_scored_by_standard(folders):
    beside(folders, GAPS)
    content = json.loads((folders / "datalist.json").read_text())
    (folders / "datalist.json").write_text(json.dumps(content | {"name": "FLARE23"}))
    assert score(folders).protocol == "standard"


def test_means_for_a_tracker_have_the_averages_of_the_set(folders):
    means = score(folders, label_set=LUNGS).means
    assert means["organs_dsc"] == pytest.approx((means["left_lung_lobe_dsc"] + means["right_lung_lobe_dsc"]) / 2)
    plain = read_label_set(GAPS["labels"])
    assert set(score(folders, label_set=plain).means) == {*score_columns(plain), "all_dsc", "all_nsd"}


def test_a_data_list_stands_for_its_references_whatever_their_form(folders):
    save(folders / "reference" / "a.nii.gz", np.array([0, 7, 9, 4], np.uint8)[ids()])
    masks = {}
    for label, name in enumerate(LUNGS.names[1:], start=1):
        masks[name] = f"masks/{label}.nii.gz"
        save(folders / masks[name], (ids() == label).astype(np.uint8))
    first = {"case": "a", "label": "reference/a.nii.gz", "label_map": {"7": 10, "9": "right lung lobe", "4": 200}}
    entries = [{"image": "ct.nii.gz", **entry} for entry in (first, {"case": "b", "label": masks})]
    (folders / "list.json").write_text(json.dumps({"labels": GAPS, "testing": entries}))
    report = score_folders(folders / "list.json", folders / "prediction", folders / "out", show_progress=False)
    assert report.ok, report.text
    assert (report.table.loc["a"] == 1).all()
    spacing_mm = nib.affines.voxel_sizes(AFFINE)
    expected = score_case(ids(), ids(1), spacing_mm, "standard", 1, label_set=LUNGS)
    np.testing.assert_allclose(report.table.loc["b"], [v for scores in expected.values() for v in scores.values()])


def test_a_broken_list_is_passed_over_unless_it_is_the_source_itself(folders):
    (folders / "datalist.json").write_text(json.dumps({"labels": {"0": "liver"}}))
    beside(folders / "reference", GAPS)
    assert label_set_beside(folders / "prediction") is None
    assert label_set_beside(folders / "prediction", folders / "reference") == LUNGS
    with pytest.raises(DataListError, match="number 0 must be the class background"):
        label_set_beside(folders / "datalist.json")

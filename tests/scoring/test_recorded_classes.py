"""Predictions are read by the classes that inference recorded beside them."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from support.geometry import oblique_affine
from swinx.errors import DataListError, LabelSetError, RecordError
from swinx.labels import FLARE23, read_label_set
from swinx.nifti import write_nifti
from swinx.report import score_cases, write_overlays
from swinx.scoring import classes_of_predictions, score_folders

OWN = {"background": 0, "spleen": 2, "liver": 5}
WHOLE = {
    "name": "parts",
    "labels": {"background": 0, "spleen": 2, "liver": 5, "spot": 9},
    "classes": {
        "liver": {"tolerance_mm": 3.0, "colour": "#123456"},
        "spot": {"inside": ["liver"], "code": ["27925004", "Nodule"]},
    },
}
PLAIN = read_label_set(WHOLE["labels"])


@pytest.fixture
def predictions(tmp_path):
    voxels = np.zeros((12, 10, 8), np.uint8)
    voxels[3:9, 2:7, 2:6] = 2
    for folder in ("reference", "prediction"):
        (tmp_path / folder).mkdir()
        write_nifti(tmp_path / folder / "anna.nii.gz", voxels, oblique_affine())
    for name in ("cases", "anna"):
        (tmp_path / "prediction" / f"{name}.json").write_text(json.dumps({"labels": OWN}))
    return tmp_path


@pytest.mark.parametrize(
    ("source", "lost"),
    [("prediction", "anna"), ("prediction", "cases"), ("prediction/anna.nii.gz", "cases")],
)
def test_the_record_tells_the_classes(predictions, source, lost):
    (predictions / "prediction" / f"{lost}.json").unlink()
    found = classes_of_predictions(predictions / source)
    assert found.names == ("background", "spleen", "liver")
    assert found.values == (0, 2, 5)


def test_the_scores_are_of_the_recorded_class(predictions):
    report = score_folders(predictions / "reference", predictions / "prediction", predictions / "out")
    assert report.label_set.names == ("background", "spleen", "liver")
    assert report.table["spleen_dsc"].tolist() == [1.0]


def test_the_numbers_of_a_known_set_are_that_set(predictions):
    numbers = dict(zip(FLARE23.names, FLARE23.values, strict=True))
    (predictions / "prediction/cases.json").write_text(json.dumps({"labels": numbers}))
    assert classes_of_predictions(predictions / "prediction").tolerances_mm == FLARE23.tolerances_mm


def test_numbers_that_were_swapped_after_the_inference_are_refused(predictions):
    record = {"labels": OWN, "labels_sha256": read_label_set(OWN).digest}
    (predictions / "prediction/cases.json").write_text(json.dumps(record))
    assert classes_of_predictions(predictions / "prediction").values == (0, 2, 5)
    record["labels"] = {"background": 0, "spleen": 5, "liver": 2}
    (predictions / "prediction/cases.json").write_text(json.dumps(record))
    with pytest.raises(RecordError, match=r"cases\.json: names or numbers of classes were changed after"):
        classes_of_predictions(predictions / "prediction")


@pytest.mark.parametrize("given", [{"background": 0, "liver": 2}, {"background": 0, "spleen": 3}], ids=str)
def test_a_label_set_that_contradicts_the_record_is_refused(predictions, given):
    with pytest.raises(DataListError, match=r"the predictions have 2 spleen, 5 liver, and the label set in use has"):
        classes_of_predictions(predictions / "prediction", read_label_set(given))


def test_a_part_of_the_recorded_classes_may_be_given(predictions):
    part = read_label_set({"background": 0, "spleen": 2})
    assert classes_of_predictions(predictions / "prediction", part) is part


def test_without_a_record_the_numbers_mean_nothing(predictions):
    for source, option in ((predictions / "reference", "--labels"), (None, "--label_set")):
        with pytest.raises(LabelSetError, match=f"nothing says what the numbers .* by {option}"):
            classes_of_predictions(source, option=option)
    with pytest.raises(DataListError, match=r"nowhere: no such file or folder"):
        classes_of_predictions(predictions / "reference", others=[None, predictions / "nowhere"])


def test_a_record_of_names_and_numbers_alone_says_what_is_assumed(predictions, caplog):
    found = classes_of_predictions(predictions / "prediction")
    assert (found.lesions, found[2].tolerance_mm) == ((), 2.0)
    assert "has names and numbers of the classes alone: colours and codes are" in caplog.text


def test_scores_and_pictures_of_predictions_are_those_of_an_evaluation(predictions):
    """Tolerance, host and colour come from the record, whatever was named beside the references."""
    own = read_label_set(WHOLE)
    voxels = np.zeros((12, 10, 8), np.uint8)
    voxels[2:10, 2:8, 1:7], voxels[4:7, 4:7, 3:6] = 5, 9
    write_nifti(predictions / "reference" / "anna.nii.gz", voxels, oblique_affine())
    write_nifti(predictions / "prediction" / "anna.nii.gz", np.roll(voxels, 1, axis=2), oblique_affine())
    record = json.dumps({"labels": own.as_json()})
    for name in ("cases", "anna"):
        (predictions / "prediction" / f"{name}.json").write_text(record)
    image = predictions / "scan.nii.gz"
    write_nifti(image, voxels, oblique_affine())
    item = {"case": "anna", "image": str(image), "label": str(predictions / "reference" / "anna.nii.gz")}
    folders = predictions / "prediction", predictions / "a"
    evaluated = score_cases([item], *folders, overlay_dir=predictions / "a", label_set=own)
    scored = score_folders(predictions / "reference", predictions / "prediction", predictions / "b")
    pd.testing.assert_frame_equal(scored.table, evaluated.table)
    assert scored.means == evaluated.means
    assert (scored.label_set, scored.label_set.name) == (own, "parts")
    assert scored.means["organs_dsc"] == scored.means["liver_dsc"]
    plain = score_folders(predictions / "reference", folders[0], predictions / "c", label_set=PLAIN)
    assert (scored.table["liver_nsd"] > plain.table["liver_nsd"]).all(), "the tolerance counts"
    (predictions / "scans").mkdir()
    image.rename(predictions / "scans" / "anna.nii.gz")
    write_overlays(predictions / "scans", predictions / "reference", folders[0], predictions / "d")
    np.testing.assert_array_equal(imread(predictions / "a" / "anna.png"), imread(predictions / "d" / "anna.png"))


def test_a_list_that_names_no_classes_leaves_them_to_the_record(predictions):
    entry = {"case": "anna", "image": "ct.nii.gz", "label": "reference/anna.nii.gz", "annotated": ["spleen"]}
    (predictions / "datalist.json").write_text(json.dumps({"testing": [entry]}))
    report = score_folders(predictions / "reference", predictions / "prediction", predictions / "out")
    assert report.label_set.names == ("background", "spleen", "liver")
    assert report.cases["anna"].annotated == (1,)
    for name in ("cases", "anna"):
        (predictions / "prediction" / f"{name}.json").unlink()
    with pytest.raises(LabelSetError, match="nothing says what the numbers"):
        score_folders(predictions / "reference", predictions / "prediction", predictions / "out")


def test_a_record_whose_facts_are_no_label_set_is_refused(predictions):
    for change in ({"liver": {"colour": "red"}}, {"liver": {"inside": ["lung"]}}, {"lung": {}}):
        record = {"labels": WHOLE | {"classes": change}}
        (predictions / "prediction" / "cases.json").write_text(json.dumps(record))
        with pytest.raises(RecordError, match=r"cases\.json"):
            classes_of_predictions(predictions / "prediction")


@pytest.mark.parametrize(
    "given",
    [{"7": "liver", "1": 2}, {"7": 5, "3": "liver", "1": "spleen"}],
    ids=str,
)
def test_predictions_of_another_numbering_are_scored_by_a_map(predictions, given):
    own = read_label_set(OWN)
    voxels = np.zeros((12, 10, 8), np.uint8)
    voxels[3:9, 2:7, 2:6], voxels[9:11] = 1, 7
    write_nifti(predictions / "prediction" / "anna.nii.gz", voxels, oblique_affine())
    write_nifti(
        predictions / "reference" / "anna.nii.gz",
        np.array([0, 2, 0, 0, 0, 0, 0, 5], np.uint8)[voxels],
        oblique_affine(),
    )
    args = predictions / "reference", predictions / "prediction", predictions / "out"
    assert not score_folders(*args, label_set=own).ok
    report = score_folders(*args, label_set=own, prediction_map=given)
    assert report.ok, report.text
    assert (report.table == 1).all(axis=None)
    turned = score_folders(args[1], args[0], args[2], label_set=own, reference_map=given)
    assert (turned.table == 1).all(axis=None)
    with pytest.raises(LabelSetError, match=r"--prediction_map: 'lung' is no class"):
        score_folders(*args, label_set=own, prediction_map={"7": "lung"})


def test_a_record_that_is_no_label_set_is_refused(predictions):
    (predictions / "prediction/cases.json").write_text(json.dumps({"labels": {"background": 0, "a": 1, "A": 2}}))
    with pytest.raises(RecordError, match=r"cases\.json"):
        classes_of_predictions(predictions / "prediction")

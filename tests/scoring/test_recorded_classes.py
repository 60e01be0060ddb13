"""Predictions are read by the classes that inference recorded beside them."""

import json

import numpy as np
import pytest

from support.geometry import oblique_affine
from swinx.errors import DataListError, RecordError
from swinx.labels import FLARE23, read_label_set
from swinx.nifti import write_nifti
from swinx.scoring import classes_of_predictions, score_folders

OWN = {"background": 0, "spleen": 2, "liver": 5}


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


@pytest.mark.parametrize("source", ["prediction", "prediction/anna.nii.gz"])
def test_the_record_tells_the_classes(predictions, source):
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


def test_without_a_record_the_log_says_what_is_assumed(predictions, caplog):
    caplog.set_level("INFO")
    assert classes_of_predictions(predictions / "reference") is FLARE23
    assert "taken to be those of FLARE-23" in caplog.text


def test_a_record_that_is_no_label_set_is_refused(predictions):
    (predictions / "prediction/cases.json").write_text(json.dumps({"labels": {"background": 0, "a": 1, "A": 2}}))
    with pytest.raises(RecordError, match=r"cases\.json"):
        classes_of_predictions(predictions / "prediction")

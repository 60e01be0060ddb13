"""The verdict and the table of cases: what was reached, what failed, what to do, and why."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from swinx.labels import read_label_set
from swinx.metrics import score_columns, summarise
from swinx.report.case_table import case_table, volume_table
from swinx.report.inference_record import read_record
from swinx.report.verdict import judge, judge_training

TWO = read_label_set({"background": 0, "lung": 1, "heart": 2})


def scores(lung, heart) -> pd.DataFrame:
    values = np.stack([lung, lung, heart, heart], axis=1).astype(float)
    names = [f"c{number}" for number in range(len(values))]
    return pd.DataFrame(values, index=pd.Index(names, name="case"), columns=list(score_columns(TWO)))


def verdict(table, faults=None, warnings=None, is_recorded=True):
    return judge(table, summarise(table, label_set=TWO), faults or {}, warnings or {}, is_recorded, TWO)


def test_good_scores_are_reached_and_leave_nothing_to_do():
    found = verdict(scores([0.95] * 8, [0.92] * 8))
    assert found.failed == []
    assert found.to_do == []
    assert "2 of 2 classes with a mean DSC of 90 % or more; best lung 95.0 %, worst heart 92.0 %." in found.reached
    assert "DSC 93.5 %" in found.reached[0]
    assert 'class="verdict"' in found.html()
    assert "Nothing." in found.html()


def test_a_poor_class_a_missed_class_and_a_poor_case_are_named_with_what_to_do():
    found = verdict(scores([0.95] * 7 + [0.2], [0.4] * 6 + [0.0, 0.4]))
    said = " ".join(found.failed)
    assert "Mean DSC below 50 %: heart 35.0 %." in said
    assert "not found at all in single cases (DSC 0): heart in c6." in said
    assert "below the median of the cases: c7 30.0 %" in said
    assert any("Annotate more scans with heart" in line for line in found.to_do)
    assert any("show the differences" in line for line in found.to_do)
    assert 'class="verdict failed"' in found.html()


def test_a_case_without_a_prediction_is_a_fault_and_no_missed_class():
    table = scores([0.95] * 7 + [0.0], [0.95] * 7 + [0.0])
    found = verdict(table, faults={"c7": ["no prediction"]})
    assert found.failed == ["1 case not segmented or not scored: c7 (no prediction)."]


def test_warnings_few_patients_and_a_missing_record_are_to_do():
    said = " ".join(verdict(scores([0.95] * 3, [0.95] * 3), warnings={"c0": ["odd"]}, is_recorded=False).to_do)
    assert "Read the warnings on 1 case " in said
    assert "of 3 patients there are no confidence intervals" in said
    assert "Score again by swinx score" in said


@pytest.mark.parametrize(("best", "is_late"), [(20, True), (10, False)])
def test_a_training_that_still_improved_is_to_go_on(best, is_late):
    dice = [0.5 - 0.001 * abs(best - epoch) for epoch in range(1, 21)]
    found = verdict(scores([0.95] * 8, [0.95] * 8))
    judge_training(found, pd.DataFrame({"epoch": range(1, 21), "val_mean_dice": dice}))
    assert f"20 epochs; best validation Dice 50.0 % after epoch {best}" in found.reached[-1]
    assert any("Train longer" in line for line in found.to_do) is is_late


def test_a_training_without_validation_is_told_and_another_table_is_refused():
    found = verdict(scores([0.95] * 8, [0.95] * 8))
    judge_training(found, pd.DataFrame({"epoch": [1, 2], "train_loss": [1.0, 0.5]}))
    assert any("its 2 epochs were not validated" in line for line in found.to_do)
    with pytest.raises(ValueError, match="no column 'epoch'"):
        judge_training(found, pd.DataFrame({"loss": [1.0]}))


def cells(text: str) -> list[list[str]]:
    """Return the cells of a table."""
    rows = re.findall(r"<tr>(<td.*?)</tr>", text, re.DOTALL)
    return [[re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td.*?</td>", row)] for row in rows]


def test_cases_stand_worst_first_with_time_and_warnings_and_open_in_the_viewer():
    table = scores([0.9, 0.5, np.nan], [0.8, 0.4, np.nan])
    text = case_table(table, {"c1": 0}, {"c0": 12.34}, {"c1": ["<thin>", "odd"]}, TWO)
    assert cells(text) == [
        ["c1", "45.0", "45.0", "–", "&lt;thin&gt;; odd", "50.0", "40.0"],  # noqa: RUF001
        ["c0", "85.0", "85.0", "12.3", "", "90.0", "80.0"],
        ["c2", "–", "–", "–", "", "–", "–"],  # noqa: RUF001
    ]
    assert '<table class="sorts">' in text
    assert re.findall(r'data-open-case="0">(\w+)<', text) == ["c1"]


def test_volumes_sort_by_number_and_name_the_reference():
    volumes = {"a": {"Prediction": np.array([0, 1500.25, 0]), "Reference": np.array([0, 1400.0, 0])}}
    volumes["b"] = {"Prediction": np.array([0, 90.0, 0])}
    text = volume_table(volumes, {}, TWO)
    assert cells(text) == [["a", "1500.2 (1400.0)"], ["b", "90.0"]]
    assert re.findall(r'data-value="([\d.]+)"', text) == ["1500.25", "90"]
    assert "heart" not in text, "no case has it"


def test_a_record_that_holds_something_else_tells_nothing(tmp_path):
    (tmp_path / "cases.json").write_text(
        '{"done": [1, {"case": "a", "seconds": 3, "warnings": "x"}], "failed": {"a": 1}}'
    )
    found = read_record(tmp_path / "cases.json")
    assert (found.seconds, found.warnings, found.failed) == ({}, {}, {})
    assert read_record(tmp_path / "nothing.json") == read_record(None)

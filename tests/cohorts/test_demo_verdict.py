"""A demo that missed its aim says so, why, and what goes on."""

from __future__ import annotations

import pandas as pd
import pytest

from swinx.cohorts import demo_verdict
from swinx.cohorts.demo_verdict import LARGE_ORGANS
from swinx.errors import DataListError
from swinx.files import write_table


def a_demo(folder, epochs=18, **organs):
    dice = {f"{organ}_dsc": [organs.get(organ, 0.9)] * 2 for organ in LARGE_ORGANS}
    write_table(folder / "scores.csv", pd.DataFrame({"case": ["a", "b"], **dice}))
    write_table(folder / "train" / "history.csv", pd.DataFrame({"epoch": list(range(1, epochs + 1))}))
    return folder


def test_a_demo_that_reached_its_aim_says_so(tmp_path):
    text, reached = demo_verdict(a_demo(tmp_path), 18, "go on")
    assert reached
    assert text.splitlines()[-1] == "The demo reached its aim: 90.0 %."


def test_one_organ_that_is_lost_is_a_miss_however_high_the_mean(tmp_path):
    text, reached = demo_verdict(a_demo(tmp_path, left_kidney=0.0), 18, "go on")
    assert not reached
    last = text.splitlines()[-1]
    assert "MISSED ITS AIM (72.0 %; below it: left kidney)" in last
    assert last.endswith("To go on: go on")


def test_a_training_that_stopped_early_is_the_reason(tmp_path):
    text, _ = demo_verdict(a_demo(tmp_path, epochs=4, liver=0.1), 18, "go on")
    assert "the training stopped after epoch 4 of 18" in text


def test_scores_that_are_missing_are_an_error(tmp_path):
    with pytest.raises(DataListError, match="cannot be read as the scores of the demo"):
        demo_verdict(tmp_path, 18, "go on")

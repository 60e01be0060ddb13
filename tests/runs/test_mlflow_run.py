"""MLflowRun: numbers reach the tracker, whatever the classes are called."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

from swinx.labels import read_label_set
from swinx.metrics import score_columns
from swinx.runs import MLflowRun


def logged(results: dict[str, Any]) -> dict[str, float]:
    """What a run is asked to log of some results."""
    found: dict[str, float] = {}
    run = SimpleNamespace(metrics=lambda numbers, **_: found.update(numbers))
    tracked = MLflowRun(stage="training", bundle_root="", output_dir="")
    tracked.session = SimpleNamespace(run=run, end=lambda *_: None)
    tracked.close(results)
    return found


def test_numbers_are_logged_and_what_is_none_is_not():
    assert logged({"liver_dsc": 0.5, "tumor_dsc": float("nan"), "case": "a"}) == {"liver_dsc": 0.5}


def test_the_tracker_takes_the_name_of_any_class():
    validation = importlib.import_module("mlflow.utils.validation")
    odd = read_label_set({"background": 0, '=lobe, "left" (upper)': 1, "größe": 2, "a|b": 3})
    found = logged(dict.fromkeys(score_columns(odd), 0.5))
    assert len(found) == len(score_columns(odd))
    for name in found:
        validation._validate_metric_name(name)

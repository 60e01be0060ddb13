"""score_cases: what was predicted in this run is scored and drawn, case by case."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from support.geometry import oblique_affine
from support.inference import segment
from swinx.data import load_cases
from swinx.report import score_cases

SHAPE = (14, 12, 9)


def save(path: Path, array: np.ndarray) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, oblique_affine("LPS")), path)
    return str(path)


@pytest.fixture
def cases(tmp_path):
    """Two patients whose files have the same names, in folders of their own, with a liver each."""
    entries = []
    for seed, case in enumerate(["patient one", "patient_two"]):
        hu = np.random.default_rng(seed).normal(0, 5, SHAPE).astype(np.int16)
        label = np.zeros(SHAPE, np.uint8)
        label[3:8, 4:9, 2:6] = 1
        hu[label == 1] = 200
        image = save(tmp_path / "data" / case / "ct_0000.nii.gz", hu)
        drawn = save(tmp_path / "data" / case / "drawn_by_hand.nii.gz", label)
        entries.append({"case": case, "image": image, "label": drawn})
    return entries


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def evaluate(cases, out, protocol="fixed"):
    segment(cases, out)
    return score_cases(cases, out, out, protocol, overlay_dir=out / "png")


def pictures(out) -> list[str]:
    return sorted(path.name for path in (out / "png").iterdir())


def test_every_case_is_scored_and_drawn_under_its_own_name(cases, out):
    report = evaluate(cases, out)
    assert report.ok
    assert list(report.table.index) == ["patient one", "patient_two"]
    assert (report.table["liver_dsc"] > 0.8).all()
    assert pictures(out) == ["patient one.png", "patient_two.png"]
    assert {"scores.csv", "summary.json", "summary.md"} <= {path.name for path in out.iterdir()}


def test_a_prediction_of_an_earlier_run_is_neither_scored_nor_shown(cases, out):
    evaluate(cases, out)
    Path(cases[0]["image"]).write_bytes(b"no scan any more")
    report = evaluate(cases, out, "flare23")
    assert list(report.table.index) == ["patient_two"]
    assert [error.path for error in report.bad_cases] == ["patient one"]
    assert pd.read_csv(out / "scores.csv")["case"].tolist() == ["patient_two"]
    assert pictures(out) == ["patient_two.png"]
    with pytest.raises(SystemExit, match="1"):
        report.exit_if_failed()


def test_without_any_prediction_all_cases_are_bad_and_nothing_is_drawn(cases, out):
    report = score_cases(cases, out, out, overlay_dir=out / "png")
    assert [error.path for error in report.bad_cases] == ["patient one", "patient_two"]
    assert report.summary is None
    assert pictures(out) == []


def test_a_case_that_cannot_be_drawn_is_named_and_the_others_are_drawn(cases, out, caplog):
    segment(cases, out)
    Path(cases[0]["image"]).write_bytes(b"no scan any more")
    with caplog.at_level(logging.ERROR):
        report = score_cases(cases, out, out, overlay_dir=out / "png")
    assert report.ok
    assert pictures(out) == ["patient_two.png"]
    assert any(message.startswith(f"not drawn: {cases[0]['image']}") for message in caplog.messages)


def test_without_a_folder_for_them_no_pictures_are_drawn(cases, out):
    segment(cases, out)
    assert score_cases(cases, out, out).ok
    assert not list(out.glob("**/*.png"))


@pytest.mark.parametrize(
    ("protocol", "scored"), [("flare23", ["patient one"]), ("fixed", ["patient one", "patient_two"])]
)
def test_an_unusable_entry_is_a_bad_case_and_the_others_are_scored(cases, out, tmp_path, protocol, scored):
    entries = [
        cases[0],
        {**cases[1], "image": "/elsewhere/x.nii.gz"},
        {"case": "no label", "image": cases[1]["image"]},
        {**cases[1], "case": "a\nb"},
    ]
    (tmp_path / "list.json").write_text(json.dumps({"validation": entries}))
    report = evaluate(load_cases(tmp_path / "list.json", "validation", need_label=True), out, protocol)
    assert list(report.table.index)[: len(scored)] == scored
    assert {error.path for error in report.bad_cases} == {"patient_two", "no label", "validation[3]"}
    assert "validation[2]: key 'label' is missing" in report.text
    assert "patient one.png" in pictures(out)

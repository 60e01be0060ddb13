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


def evaluate(cases, out, protocol="standard"):
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
    report = score_cases(cases, out, out, "flare23", overlay_dir=out / "png")
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
    ("protocol", "scored"), [("flare23", ["patient one"]), ("standard", ["patient one", "patient_two"])]
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


def test_classes_that_nobody_annotated_or_a_network_labelled_are_not_scored(cases, out):
    told = [{**cases[0], "annotated": [1, 2], "pseudo": [1]}, {**cases[1], "annotated": [1]}]
    report = evaluate(told, out, "flare23")
    assert report.table["liver_dsc"].isna().tolist() == [True, False]
    assert report.table["right_kidney_dsc"].tolist()[0] == 1
    assert report.table["spleen_dsc"].isna().all()
    assert "26 values are left out" in report.text


def test_variants_of_one_patient_have_no_interval_but_as_many_patients_have(cases, out):
    segment(cases[:1], out)
    many = [{**cases[0], "case": f"variant {number}"} for number in range(8)]
    for item in many:
        (out / f"{item['case']}.nii.gz").write_bytes((out / "patient one.nii.gz").read_bytes())
    variants = score_cases([{**item, "patient": "one"} for item in many], out, out)
    assert "no confidence intervals: 1 patient of 8 cases" in variants.text
    assert np.isnan(variants.summary["liver"].dsc.low)
    patients = score_cases([{**item, "group": number} for number, item in enumerate(many)], out, out)
    assert not np.isnan(patients.summary["liver"].dsc.low)
    assert "over 8 patients" in patients.text


@pytest.mark.parametrize(("name", "protocol"), [("FLARE23", "flare23"), ("hospital", "standard"), ("", "standard")])
def test_the_name_of_the_data_list_decides_the_protocol(cases, out, tmp_path, name, protocol):
    (tmp_path / "list.json").write_text(json.dumps({"name": name, "validation": []}))
    segment(cases, out)
    report = score_cases(cases, out, out, data_list=tmp_path / "list.json")
    assert report.protocol == protocol
    assert f"Protocol `{protocol}`" in report.text

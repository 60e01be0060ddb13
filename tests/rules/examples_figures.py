"""Scores and teachers that break the rules about figures."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from rules.examples import example
from rules.examples_runs import logged
from support.geometry import oblique_affine
from swinx.data import load_data_list
from swinx.errors import DataListError, LabelSetError
from swinx.labels import FLARE23, plausible_volumes, read_label_set
from swinx.metrics import compare_tables
from swinx.refinement import RefineLabelsd
from swinx.refinement.cases_table import implausible_in_all
from swinx.rules import ScoreRules, TeacherRules
from swinx.scoring import classes_of_predictions, label_set_beside, read_scores, score_folders

AFFINE = oblique_affine("LPS")


def two_livers(folder: Path) -> np.ndarray:
    """Write references and predictions of two cases with a liver each."""
    label = np.zeros((9, 8, 7), np.uint8)
    label[2:6, 2:6, 2:5] = 1
    for name in ("reference", "prediction"):
        (folder / name).mkdir()
        for case in "ab":
            nib.save(nib.Nifti1Image(label, AFFINE), folder / name / f"{case}.nii.gz")
    return label


def scored(folder: Path, **options) -> str:
    options = {"show_progress": False, "label_set": FLARE23} | options
    report = score_folders(folder / "reference", folder / "prediction", folder / "out", **options)
    return "\n".join([report.text, *report.notes])


@example(ScoreRules.UNKNOWN_VOXELS)
def a_reference_with_unknown_voxels(folder: Path) -> str:
    label = two_livers(folder)
    label[2, 2, 2] = 255
    nib.save(nib.Nifti1Image(label, AFFINE), folder / "reference" / "a.nii.gz")
    return scored(folder)


@example(ScoreRules.OTHER_NUMBERS)
def predictions_of_other_numbers(folder: Path) -> str:
    (folder / "cases.json").write_text(json.dumps({"labels": {"background": 0, "spleen": 1}}))
    with pytest.raises(DataListError) as told:
        classes_of_predictions(folder, read_label_set({"background": 0, "liver": 1}))
    return str(told.value)


@example(ScoreRules.NO_CLASSES)
def label_maps_of_which_nothing_tells_the_classes(folder: Path) -> str:
    with pytest.raises(LabelSetError) as told:
        classes_of_predictions(folder)
    return str(told.value)


@example(ScoreRules.NUMBERS_ALONE)
def a_record_of_an_older_version(folder: Path) -> str:
    (folder / "cases.json").write_text(json.dumps({"labels": {"background": 0, "left lobe": 1}}))
    return logged(lambda: classes_of_predictions(folder), folder)


@example(ScoreRules.KNOWN_NUMBERS)
def a_record_of_an_older_version_and_a_known_label_set(folder: Path) -> str:
    numbers = dict(zip(FLARE23.names, FLARE23.values, strict=True))
    (folder / "cases.json").write_text(json.dumps({"labels": numbers}))
    return logged(lambda: classes_of_predictions(folder), folder)


@example(ScoreRules.NO_REFERENCE, ScoreRules.FEW_PATIENTS)
def two_cases_with_a_liver_alone(folder: Path) -> str:
    two_livers(folder)
    return scored(folder)


@example(ScoreRules.NOT_ANNOTATED, ScoreRules.NOT_LISTED)
def a_list_with_one_of_two_references(folder: Path) -> str:
    two_livers(folder)
    entry = {"case": "a", "image": "ct.nii.gz", "label": "reference/a.nii.gz", "annotated": [1]}
    (folder / "datalist.json").write_text(json.dumps({"testing": [entry]}))
    return scored(folder, data_list=folder / "datalist.json")


@example(ScoreRules.LIST_UNUSABLE)
def a_broken_list_beside_the_references(folder: Path) -> str:
    two_livers(folder)
    (folder / "datalist.json").write_text("[]")
    return scored(folder)


@example(ScoreRules.OTHER_CLASSES)
def the_protocol_of_the_challenge_for_other_classes(folder: Path) -> str:
    two_livers(folder)
    with pytest.raises(LabelSetError, match="protocol flare23") as caught:
        scored(folder, protocol="flare23", label_set=read_label_set("amos"))
    return str(caught.value)


@example(ScoreRules.TWO_SETS)
def tables_of_two_label_sets(folder: Path) -> str:
    two_livers(folder)
    tables = []
    for name in ("amos", "btcv"):
        scored(folder, label_set=read_label_set(name))
        tables.append(read_scores(folder / "out" / "scores.csv"))
    with pytest.raises(LabelSetError, match="two tables") as caught:
        compare_tables(*tables)
    return str(caught.value)


@example(ScoreRules.LABELS_UNUSABLE)
def a_list_of_no_label_set_beside_scans(folder: Path) -> str:
    (folder / "datalist.json").write_text(json.dumps({"labels": {"0": "liver"}}))
    return logged(lambda: label_set_beside(folder / "images"), folder)


@example(ScoreRules.PATIENT)
def a_patient_who_is_a_list(folder: Path) -> str:
    entry = {"image": "ct.nii.gz", "patient": ["anna", "berta"]}
    (folder / "list.json").write_text(json.dumps({"testing": [entry]}))
    with pytest.raises(DataListError, match="patient is") as caught:
        load_data_list(folder / "list.json", "testing", must_exist=False)
    return str(caught.value)


def huge_kidney() -> dict:
    """A case whose teacher makes a kidney of 113 litres."""
    affine = torch.diag(torch.tensor([10.0, 10.0, 10.0, 1.0], dtype=torch.float64))
    pred = torch.zeros(1, 60, 60, 60, dtype=torch.uint8)
    pred[0, 5:55, 5:55, 5:50] = 2
    image = MetaTensor(torch.zeros(1, 60, 60, 60), affine=affine)
    return {"case": "anna", "image": image, "pred": MetaTensor(pred, affine=affine)}


@example(TeacherRules.IMPLAUSIBLE)
def a_kidney_of_113_litres(_: Path) -> str:
    return "\n".join(RefineLabelsd(plausible=plausible_volumes())(huge_kidney())["notes"])


@example(TeacherRules.BAD_TEACHER)
def a_refinement_with_a_kidney_of_113_litres(_: Path) -> str:
    report = RefineLabelsd(plausible=plausible_volumes())(huge_kidney())["refinement"]
    return implausible_in_all({"anna": report, "bert": {**report, "implausible": {}}})


@example(TeacherRules.RANGES)
def a_file_of_ranges_with_an_unknown_organ(folder: Path) -> str:
    (folder / "ranges.json").write_text('{"uterus": [1, 2]}')
    with pytest.raises(DataListError, match="no class") as caught:
        plausible_volumes(folder / "ranges.json")
    return str(caught.value)

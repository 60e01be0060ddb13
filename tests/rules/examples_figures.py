"""Scores and teachers that break the rules about figures."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from rules.examples import example
from support.geometry import oblique_affine
from swinx.data import load_data_list
from swinx.errors import DataListError
from swinx.report import score_folders
from swinx.rules.figures import ScoreRules

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
    report = score_folders(folder / "reference", folder / "prediction", folder / "out", show_progress=False, **options)
    return "\n".join([report.text, *report.notes])


@example(ScoreRules.UNKNOWN_VOXELS)
def a_reference_with_unknown_voxels(folder: Path) -> str:
    label = two_livers(folder)
    label[2, 2, 2] = 255
    nib.save(nib.Nifti1Image(label, AFFINE), folder / "reference" / "a.nii.gz")
    return scored(folder)


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


@example(ScoreRules.PATIENT)
def a_patient_who_is_a_list(folder: Path) -> str:
    entry = {"image": "ct.nii.gz", "patient": ["anna", "berta"]}
    (folder / "list.json").write_text(json.dumps({"testing": [entry]}))
    with pytest.raises(DataListError, match="patient is") as caught:
        load_data_list(folder / "list.json", "testing", must_exist=False)
    return str(caught.value)

"""Label maps and predictions that break the rules of label maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from rules.examples import example
from rules.examples_scans import AFFINE, HU, nifti, told
from swinx.data import check_data, format_report, read_label
from swinx.errors import CaseError, TeacherError
from swinx.files import write_json
from swinx.labels import read_label_set
from swinx.refinement import PredictionFolderTeacher, RefineLabelsd
from swinx.rules import LabelRules, PredictionRules, TruthRules
from swinx.training import RefuseEmptyLabeld

LABEL = (HU > 0).astype(np.uint8)


def label_told(folder: Path, array: np.ndarray, **options) -> str:
    return told(nifti(folder / "label.nii.gz", array), kind="label", **options)


@example(LabelRules.NOT_FINITE)
def a_label_map_with_nan(folder: Path) -> str:
    return label_told(folder, np.where(HU > 800, np.nan, LABEL).astype(np.float32))


@example(LabelRules.NOT_WHOLE)
def a_label_map_of_probabilities(folder: Path) -> str:
    return label_told(folder, (LABEL / 2).astype(np.float32))


@example(LabelRules.OUTSIDE)
def a_label_map_of_other_classes(folder: Path) -> str:
    return label_told(folder, LABEL * 99)


@example(LabelRules.OUTSIDE_SET)
def a_label_map_of_another_label_set(folder: Path) -> str:
    with pytest.raises(CaseError) as caught:
        read_label(nifti(folder / "label.nii.gz", LABEL * 99), read_label_set("btcv"))
    return str(caught.value)


@example(LabelRules.EMPTY)
def a_label_map_of_background_alone(folder: Path) -> str:
    return label_told(folder, LABEL * 0)


@example(LabelRules.EMPTY_OR_UNKNOWN)
def a_refined_label_that_knows_nothing(folder: Path) -> str:
    return label_told(folder, LABEL * 255, allow_unknown=True)


def checked(folder: Path, array: np.ndarray, annotated: list[int]) -> str:
    """What `swinx data check` says of a label map in which these classes count as annotated."""
    nifti(folder / "scan.nii.gz")
    nifti(folder / "label.nii.gz", array)
    entry = {"image": "scan.nii.gz", "label": "label.nii.gz", "annotated": annotated}
    write_json(folder / "list.json", {"training": [entry]})
    return format_report(check_data(folder / "list.json"))


@example(LabelRules.UNKNOWN_SHARE)
def a_refined_label_with_unknown_voxels(folder: Path) -> str:
    return checked(folder, np.where(HU > 500, 255, LABEL).astype(np.uint8), [1])


@example(LabelRules.NONE_FOUND)
def a_label_map_without_what_was_looked_for(folder: Path) -> str:
    return checked(folder, LABEL * 0, [14])


@example(LabelRules.UNLISTED)
def a_label_map_with_more_than_was_looked_for(folder: Path) -> str:
    return checked(folder, LABEL, [2])


def fault_of(action) -> str:
    with pytest.raises((CaseError, TeacherError)) as caught:
        action()
    return str(caught.value)


@example(LabelRules.EMPTY_UNDECLARED)
def an_empty_label_of_a_case_that_declares_nothing(_: Path) -> str:
    return fault_of(lambda: RefuseEmptyLabeld("label")({"case": "a", "label": volume(LABEL * 0)}))


def volume(array: np.ndarray) -> MetaTensor:
    return MetaTensor(torch.from_numpy(np.ascontiguousarray(array))[None], affine=torch.from_numpy(AFFINE))


def refined(label: np.ndarray, pseudo: np.ndarray = LABEL) -> str:
    """With which message a case with the annotated class 1 is not refined."""
    case = {"case": "a", "image": volume(HU), "label": volume(label), "pred": volume(pseudo), "annotated": [1]}
    return fault_of(lambda: RefineLabelsd()(case))


@example(TruthRules.NOT_WHOLE)
def a_pseudo_label_of_probabilities(_: Path) -> str:
    return refined(LABEL, LABEL / 2)


@example(TruthRules.OUTSIDE)
def a_truth_with_an_id_of_no_class(_: Path) -> str:
    return refined(LABEL * 77)


@example(TruthRules.OTHER_GRID)
def a_truth_with_a_slice_less(_: Path) -> str:
    return refined(LABEL[..., 1:])


@example(PredictionRules.NO_FOLDER)
def predictions_in_no_folder(folder: Path) -> str:
    return fault_of(lambda: PredictionFolderTeacher(folder / "predictions"))


def predicted(folder: Path, array: np.ndarray, affine: np.ndarray = AFFINE, case: str = "a") -> list[str]:
    (folder / "predictions").mkdir()
    nifti(folder / "predictions" / "a.nii.gz", array, affine)
    return PredictionFolderTeacher(folder / "predictions").predict(case, volume(HU)).notes


@example(PredictionRules.NONE)
def a_case_without_a_prediction(folder: Path) -> str:
    return fault_of(lambda: predicted(folder, LABEL, case="b"))


@example(PredictionRules.NOT_IN_MAP)
def a_prediction_with_ids_that_the_map_lacks(folder: Path) -> str:
    return fault_of(lambda: predicted(folder, LABEL * 99))


@example(PredictionRules.OVERHANG)
def a_prediction_of_half_the_scan(folder: Path) -> str:
    return fault_of(lambda: predicted(folder, LABEL[..., :5]))


@example(PredictionRules.OTHER_GRID)
def a_prediction_of_coarser_voxels(folder: Path) -> str:
    return "\n".join(predicted(folder, LABEL[::2, ::2, ::2], AFFINE @ np.diag([2.0, 2, 2, 1])))

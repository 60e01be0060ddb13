"""A whole refinement, from a data list and a teacher's files to a list to train from, with classes of one's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import DataLoader
from monai.engines import SupervisedEvaluator
from monai.engines.utils import PrepareBatchExtraInput
from monai.inferers import SimpleInferer
from monai.transforms import Compose, LoadImaged, ToTensord

from swinx.data import CTReader, LoadLabeld, list_label_set, load_data_list
from swinx.files import read_table
from swinx.inference import CaseDataset, CaseIteration, collate_case
from swinx.labels import UNKNOWN, LabelSet, plausible_volumes, read_label_set
from swinx.refinement import (
    FillHoles,
    FillUnannotated,
    LargestComponent,
    Laterality,
    MinimumComponent,
    PredictionFolderTeacher,
    RefineLabelsd,
    RefinementRecords,
    RefinementRun,
    SaveRefinementd,
    TeacherEnsemble,
    TeacherNetwork,
    refinement_gain,
    refinement_settings,
)
from swinx.refinement.policies.selection import Verdict

LOBES = {"background": 0, "left lung lobe": 1, "right lung lobe": 4, "nodule": 7}
INSIDE = {"nodule": {"inside": ["left lung lobe", "right lung lobe"]}}
SHAPE = (16, 12, 10)


class _Untracked:
    def begin(self) -> None:
        """Do nothing."""

    def close(self, results: Mapping[str, Any] | None = None) -> None:
        """Do nothing."""


def write(path: Path, array: np.ndarray, affine: np.ndarray) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)
    return str(path)


def voxels(path: Path | str) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def chest(left: int, right: int, nodule: int = 0) -> np.ndarray:
    """Two lungs with a nodule in the left one, in numbers of someone's files."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[2:6, 2:9, 2:8], labels[10:14, 2:9, 2:8] = left, right
    if nodule:
        labels[3:5, 4:6, 4:6] = nodule
    return labels


@pytest.fixture
def grid() -> np.ndarray:
    """Anisotropic voxels of about 2 cm, first axis to the left, so that the first lung of the array is the left one."""
    affine = np.diag([12.0, 20.0, 25.0, 1.0])
    turn = np.deg2rad(8)
    affine[:2, :2] = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag([12.0, 20.0])
    affine[:3, 3] = (-90, 40, 1000)
    return affine


def data_list(folder: Path, affine: np.ndarray, labels: Any, entries: Mapping[str, dict[str, Any]]) -> Path:
    """Write scans, labels and the list of cases, those without a label as unlabeled."""
    sections: dict[str, list[dict[str, Any]]] = {"training": [], "unlabeled": []}
    rng = np.random.default_rng(0)
    for case, entry in entries.items():
        image = rng.integers(-500, 300, SHAPE).astype(np.int16)
        item = {"case": case, "image": write(folder / f"{case}_0000.nii.gz", image, affine), **entry}
        if "label" in entry:
            item["label"] = write(folder / f"{case}_label.nii.gz", entry["label"], affine)
        relative = {k: Path(v).name if k in ("image", "label") else v for k, v in item.items()}
        sections["training" if "label" in entry else "unlabeled"].append(relative)
    path = folder / "datalist.json"
    path.write_text(json.dumps({"labels": labels, **sections}))
    return path


def refine(listed: Path, out: Path, teacher: Any, label_set: LabelSet, **changes: Any) -> list[str]:
    """Refine by real components; return the names of the cases that were not done yet."""
    parts = {"label_set": label_set}
    policy = changes.pop("policy", FillUnannotated)(**parts)
    filters = [MinimumComponent(50.0, **parts), Laterality(**parts), LargestComponent(**parts), FillHoles(**parts)]
    plausible = plausible_volumes(label_set=label_set)
    settings = refinement_settings(teacher, policy, filters, plausible=plausible, **parts)
    records = RefinementRecords(str(out), settings.fingerprint)
    limits = {"allow_empty": True, "allow_unknown": True, "allow_missing_keys": True}
    before = [
        LoadImaged("image", reader=CTReader(), ensure_channel_first=True, image_only=True),
        LoadLabeld("label", label_set=label_set, **limits),
        ToTensord("annotated", dtype=torch.int64, track_meta=False),
    ]
    merge = {"policy": policy, "filters": filters, "pseudo_classes": teacher.classes, "plausible": plausible}
    after = [RefineLabelsd("label", **merge, **parts), SaveRefinementd("label", out, **parts)]
    evaluator = partial(
        SupervisedEvaluator,
        device=torch.device("cpu"),
        network=TeacherNetwork(teacher),
        prepare_batch=PrepareBatchExtraInput({"case": "case"}),
        iteration_update=CaseIteration(),
        inferer=SimpleInferer(),
        postprocessing=Compose(after),
        val_handlers=[records],
    )
    run = RefinementRun(
        data_list=listed,
        sections=["training", "unlabeled"],
        base_dir=listed.parent,
        annotated=changes.pop("annotated", None),
        output_dir=out,
        settings=settings,
        dataset=partial(CaseDataset, transform=Compose(before)),
        dataloader=partial(DataLoader, batch_size=1, collate_fn=collate_case),
        evaluator=evaluator,
        records=records,
        tracking=_Untracked(),
        **parts,
        **changes,
    )
    pending = [item["case"] for item in run.choose_pending(run.read_cases())]
    run.run()
    assert records.failed == []
    return pending


def test_own_classes_with_gaps_from_a_teacher_with_other_numbers(tmp_path, grid):
    label_set = read_label_set({"name": "lungs", "labels": LOBES, "classes": INSIDE})
    entries = {
        "anna": {"label": chest(1, 0, 7), "annotated": ["left lung lobe", 7]},
        "bert": {"label": chest(30, 20), "annotated": [4], "label_map": {"20": "right lung lobe", "30": 0}},
        "carl": {},
    }
    labels = {key: value for key, value in label_set.as_json().items() if key != "sha256"}  # people edit lists
    listed = data_list(tmp_path / "data", grid, labels, entries)
    assert list_label_set(listed) == label_set
    for case in entries:
        predicted = np.where(chest(0, 1) == 1, 12, chest(10, 0)).astype(np.uint8)
        predicted[2:6, 2:9, 5:8][predicted[2:6, 2:9, 5:8] == 10] = 11  # the left lung in two lobes
        write(tmp_path / "teacher" / f"{case}.nii.gz", predicted, grid)
    lobes = {10: "left lung lobe", 11: "left lung lobe", 12: 4}
    teacher = PredictionFolderTeacher(tmp_path / "teacher", lobes, label_set=label_set)
    assert teacher.classes == (1, 2)
    out = tmp_path / "refined"
    assert refine(listed, out, teacher, label_set) == ["anna", "bert", "carl"]

    np.testing.assert_array_equal(voxels(out / "anna.nii.gz"), chest(1, 4, 7))
    np.testing.assert_array_equal(voxels(out / "bert.nii.gz"), chest(1, 4))
    np.testing.assert_array_equal(voxels(out / "carl.nii.gz"), chest(1, 4))
    assert np.unique(voxels(out / "anna_source.nii.gz")).tolist() == [0, 1, 2]

    table = read_table(out / "cases.csv", text=("case", "annotated", "pseudo", "known"))
    assert list(table["annotated"].fillna("")) == ["1 7", "4", ""]
    assert list(table["pseudo"]) == ["4", "1", "1 4"]
    assert {"left_lung_lobe_after_ml", "nodule_before_ml"} <= set(table.columns)

    assert list_label_set(out / "datalist.json") == label_set
    content = json.loads((out / "datalist.json").read_text())["training"]
    assert [entry["annotated"] for entry in content] == [[1, 4, 7], [1, 4], [1, 4]]
    items = load_data_list(out / "datalist.json", "training", need_label=True)
    assert [item["annotated"] for item in items] == [[1, 2, 3], [1, 2], [1, 2]]
    assert not any("label_map" in item for item in items)

    assert refine(listed, out, teacher, label_set) == [], "everything is done"
    other = read_label_set({"labels": LOBES | {"nodule": 8}, "classes": INSIDE})
    again = PredictionFolderTeacher(tmp_path / "teacher", lobes, label_set=other)
    listed.write_text(listed.read_text().replace('"nodule": 7', '"nodule": 8').replace("7]", "8]"))
    write(tmp_path / "data" / "anna_label.nii.gz", chest(1, 0, 8), grid)
    assert refine(listed, out, again, other) == ["anna", "bert", "carl"]
    np.testing.assert_array_equal(voxels(out / "anna.nii.gz"), chest(1, 4, 8))

    truth = tmp_path / "truth"
    for case in ("anna", "bert"):
        write(truth / f"{case}.nii.gz", chest(1, 4, 8), grid)
    gain = refinement_gain(truth, listed, out / "datalist.json", progress=False)
    assert set(gain.rows["class"]) == set(LOBES) - {"background"}
    of_anna = gain.rows[gain.rows["case"] == "anna"].set_index("class")
    assert (of_anna["after"] == 1.0).all()
    assert of_anna["before"].to_dict() == {"left lung lobe": 1.0, "right lung lobe": 0.0, "nodule": 1.0}


def test_own_classes_without_a_lesion_from_totalsegmentator(tmp_path, grid):
    labels = {"background": 0, "spleen": 2, "liver": 5, "gallbladder": 6}
    label_set = read_label_set(labels)
    listed = data_list(tmp_path / "data", grid, labels, {"anna": {"label": chest(2, 0)}, "bert": {}})
    predicted = {"anna": chest(1, 5), "bert": chest(1, 5)}  # TotalSegmentator's spleen and liver
    predicted["bert"][14:, :, :] = 90  # of which the set knows nothing
    for case, array in predicted.items():
        write(tmp_path / "teacher" / f"{case}.nii.gz", array, grid)
    teacher = PredictionFolderTeacher(tmp_path / "teacher", "totalsegmentator", label_set=label_set)
    assert teacher.classes == (1, 2, 3)
    both = TeacherEnsemble([teacher, teacher], label_set=label_set)
    out = tmp_path / "refined"
    assert refine(listed, out, both, label_set, annotated="inferred", policy=partial(FillUnannotated, False)) == [
        "anna",
        "bert",
    ]
    for case in ("anna", "bert"):
        np.testing.assert_array_equal(voxels(out / f"{case}.nii.gz"), chest(2, 5))
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["settings"]["label_set"]["labels"] == labels
    entries = json.loads((out / "datalist.json").read_text())["training"]
    assert [entry["annotated"] for entry in entries] == [[2, 5], [2, 5]], "nobody predicts a gallbladder"


def test_a_class_that_a_rule_drops_becomes_unknown_in_the_numbers_of_the_set(tmp_path, grid):
    """The provenance map has numbers of its own, which the label set need not have."""
    label_set = read_label_set({"background": 0, "spleen": 20, "liver": 30})
    listed = data_list(
        tmp_path / "data", grid, label_set.as_json(), {"anna": {"label": chest(20, 0), "annotated": [20]}}
    )
    write(tmp_path / "teacher" / "anna.nii.gz", chest(20, 30), grid)
    teacher = PredictionFolderTeacher(tmp_path / "teacher", label_set=label_set)
    out = tmp_path / "refined"
    refine(listed, out, teacher, label_set, selection=[_DropLiver()])
    np.testing.assert_array_equal(voxels(out / "anna.nii.gz"), chest(20, 30))
    np.testing.assert_array_equal(voxels(out / "anna_selected.nii.gz"), chest(20, UNKNOWN))
    (item,) = load_data_list(out / "datalist.json", "training")
    assert (item["annotated"], Path(item["label"]).name) == ([1], "anna_selected.nii.gz")


class _DropLiver:
    def __call__(self, reports: Mapping[str, Any]) -> dict[str, Verdict]:
        return {case: Verdict(False, (2,), "no liver") for case in reports}


def test_masks_named_by_their_classes_are_a_truth_and_a_changed_mask_is_refined_anew(tmp_path, grid):
    label_set = read_label_set({"name": "lungs", "labels": LOBES, "classes": INSIDE})
    listed = data_list(tmp_path / "data", grid, label_set.as_json(), {"anna": {}})
    content = json.loads(listed.read_text())
    masks = {"left lung lobe": chest(1, 0), "nodule": chest(0, 0, 1)}
    named = {name: Path(write(listed.parent / f"{name}.nii.gz", mask, grid)).name for name, mask in masks.items()}
    content |= {"training": [content["unlabeled"][0] | {"label": named}], "unlabeled": []}
    listed.write_text(json.dumps(content))
    write(tmp_path / "teacher" / "anna.nii.gz", chest(1, 4), grid)
    teacher = PredictionFolderTeacher(tmp_path / "teacher", label_set=label_set)
    out = tmp_path / "refined"
    assert refine(listed, out, teacher, label_set) == ["anna"]
    np.testing.assert_array_equal(voxels(out / "anna.nii.gz"), chest(1, 4, 7))
    assert refine(listed, out, teacher, label_set) == []
    write(listed.parent / "nodule.nii.gz", np.zeros(SHAPE, dtype=np.uint8), grid)
    assert refine(listed, out, teacher, label_set) == ["anna"]
    np.testing.assert_array_equal(voxels(out / "anna.nii.gz"), chest(1, 4))

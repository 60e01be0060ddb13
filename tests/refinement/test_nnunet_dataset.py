"""A data set for nnU-Net holds complete cases alone, with consecutive ids on the grid of the scan."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from support.geometry import oblique_affine
from swinx.errors import DataListError
from swinx.labels import read_label_set
from swinx.refinement import choose_classes, select_complete_cases, train_nnunet
from swinx.refinement.teachers.nnunet.nnunet_dataset import write_nnunet_dataset

ALL = list(range(1, 15))


def make_case(folder: Path, case: str, suffix: str = ".nii.gz", **entry: object) -> dict:
    rng = np.random.default_rng(len(case))
    affine = oblique_affine("PSR", (2.4, 2.6, 2.8))
    label = rng.integers(0, 15, (6, 5, 4)).astype(np.uint8)
    paths = {"image": folder / f"{case}_image{suffix}", "label": folder / f"{case}_label.nii.gz"}
    nib.save(nib.Nifti1Image(rng.integers(-1000, 1000, label.shape).astype(np.int16), affine), folder / "image.nii.gz")
    nib.save(nib.Nifti1Image(label, affine), paths["label"])
    if suffix == ".nii.gz":
        (folder / "image.nii.gz").rename(paths["image"])
    else:
        SimpleITK.WriteImage(SimpleITK.ReadImage(str(folder / "image.nii.gz")), str(paths["image"]))
    return {"case": case, "annotated": ALL} | {key: str(path) for key, path in paths.items()} | entry


def voxels(path: Path | str) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def test_only_cases_in_which_every_class_was_looked_for_are_complete():
    items = [
        {"case": "a", "label": "a", "annotated": ALL},
        {"case": "b", "label": "b", "annotated": [1, 2]},
        {"case": "c", "label": "c"},
        {"case": "d", "annotated": ALL},
        {"case": "e", "label": "e", "annotated": [2, 1, 14]},
    ]
    complete, left_out = select_complete_cases(items, [1, 14])
    assert [item["case"] for item in complete] == ["a", "e"]
    assert left_out == {
        "b": "not annotated: tumor",
        "c": "no record of its annotated classes",
        "d": "has no label",
    }


def test_all_classes_keep_their_ids_and_names(tmp_path):
    item = make_case(tmp_path, "anna")
    assert write_nnunet_dataset(tmp_path / "raw", [item], ALL) == {}
    content = json.loads((tmp_path / "raw" / "dataset.json").read_text())
    assert (content["labels"]["tumor"], content["labels"]["right kidney"], content["numTraining"]) == (14, 2, 1)
    np.testing.assert_array_equal(voxels(tmp_path / "raw" / "labelsTr" / "anna.nii.gz"), voxels(item["label"]))


def test_chosen_classes_are_numbered_anew_and_the_others_are_background(tmp_path):
    item = make_case(tmp_path, "anna")
    write_nnunet_dataset(tmp_path / "raw", [item], [13, 2])
    drawn = voxels(item["label"])
    expected = np.select([drawn == 2, drawn == 13], [1, 2])
    np.testing.assert_array_equal(voxels(tmp_path / "raw" / "labelsTr" / "anna.nii.gz"), expected)
    labels = json.loads((tmp_path / "raw" / "dataset.json").read_text())["labels"]
    assert labels == {"background": 0, "right kidney": 1, "left kidney": 2}


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha"])
def test_the_image_is_the_same_scan_whatever_its_format(tmp_path, suffix):
    item = make_case(tmp_path, "anna", suffix)
    write_nnunet_dataset(tmp_path / "raw", [item], ALL)
    written, given = (
        SimpleITK.ReadImage(str(path)) for path in (tmp_path / "raw/imagesTr/anna_0000.nii.gz", item["image"])
    )
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(written), SimpleITK.GetArrayFromImage(given))
    np.testing.assert_allclose(written.GetDirection(), given.GetDirection(), atol=1e-6)
    np.testing.assert_allclose(written.GetOrigin(), given.GetOrigin(), rtol=1e-6)


def test_compressed_nifti_takes_no_second_place_on_the_disk(tmp_path):
    item = make_case(tmp_path, "anna")
    write_nnunet_dataset(tmp_path / "raw", [item], ALL)
    assert (tmp_path / "raw" / "imagesTr" / "anna_0000.nii.gz").samefile(item["image"])


def test_a_bad_case_is_left_out_and_named(tmp_path):
    good, bad = make_case(tmp_path, "anna"), make_case(tmp_path, "bertha")
    nib.save(nib.Nifti1Image(np.ones((6, 5, 9), dtype=np.uint8), oblique_affine("PSR")), bad["label"])
    left_out = write_nnunet_dataset(tmp_path / "raw", [good, bad, good | {"case": "c", "image": "gone.nii.gz"}], ALL)
    assert "not on the grid of its image" in left_out["bertha"]
    assert left_out["c"] == "gone.nii.gz: no such file or folder"
    assert json.loads((tmp_path / "raw" / "dataset.json").read_text())["numTraining"] == 1


def test_cases_of_an_earlier_attempt_do_not_stay(tmp_path):
    items = [make_case(tmp_path, case) for case in ("anna", "bertha")]
    write_nnunet_dataset(tmp_path / "raw", items, ALL)
    write_nnunet_dataset(tmp_path / "raw", items[:1], ALL)
    assert [path.name for path in (tmp_path / "raw" / "imagesTr").iterdir()] == ["anna_0000.nii.gz"]


def test_no_case_at_all_is_an_error_with_the_reason(tmp_path):
    with pytest.raises(DataListError, match="no case is left to train on; the first reason: no case is complete"):
        write_nnunet_dataset(tmp_path / "raw", [], ALL)


@pytest.mark.nnunet
def test_too_few_cases_for_folds_are_refused_before_anything_runs(tmp_path):
    items = [make_case(tmp_path, case) for case in ("anna", "bertha")]
    partial = make_case(tmp_path, "carla", annotated=[1])
    with pytest.raises(DataListError, match=r"2 cases are complete .*need 5.*'carla', 'not annotated: right kidney"):
        train_nnunet([*items, partial], tmp_path / "work")
    assert not (tmp_path / "work" / "logs").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"classes": [0, 1]}, r"classes \[0, 1\] must be"),
        ({"classes": []}, r"classes \[\] must be"),
        ({"dataset_id": 0}, r"dataset_id must be in 1\.\.999, not 0"),
        ({"folds": (5,)}, r"folds \(5,\) must be one or more of 0\.\.4, or 'all'"),
        ({"folds": ()}, r"folds \(\) must be"),
        ({"planner": "Mine"}, "planner 'Mine' must be one of ExperimentPlanner"),
        ({"feature_divisor": 0}, "feature_divisor must be 1 or more, not 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(tmp_path, setting, message):
    with pytest.raises(ValueError, match=message):
        train_nnunet([], tmp_path, **setting)


def annotated(*sets: list[int]) -> list[dict]:
    return [{"case": str(number), "label": "x", "annotated": classes} for number, classes in enumerate(sets)]


@pytest.mark.parametrize(
    ("sets", "chosen"),
    [
        ([ALL] * 5 + [[1]] * 90, ALL),
        ([ALL] * 4 + [[1, 2]] * 3, [1, 2]),
        ([[1, 2, 3]] * 5 + [[1]] * 9, [1, 2, 3]),
        ([[1, 2, 3]] * 4 + [[1]] * 3, [1]),
        ([[1, 2], [2, 3], [3, 1]], [1]),
        ([list(range(1, 14)), [1, 2, 3], [14], [14], [14]], [1, 2, 3]),
        ([list(range(1, 14))], list(range(1, 14))),
        ([[], []], []),
    ],
)
def test_classes_are_chosen_so_that_enough_cases_are_complete(sets, chosen):
    assert choose_classes(annotated(*sets)) == chosen


def test_a_list_that_says_nothing_of_annotation_cannot_train_a_teacher(tmp_path):
    with pytest.raises(DataListError, match="no case has a record of its annotated classes"):
        train_nnunet([{"case": "a", "image": "a", "label": "a"}], tmp_path, classes="auto")


LUNGS = read_label_set({"background": 0, "left lung": 3, "right lung": 7, "nodule": 11})
"""Ids 1, 2 and 3 under other numbers."""


def test_own_classes_go_to_nnunet_under_their_names_from_whatever_numbers_the_file_has(tmp_path):
    item = make_case(tmp_path, "anna", annotated=[1, 2, 3])
    affine = nib.load(item["label"]).affine
    drawn = np.random.default_rng(0).choice([0, 3, 7, 11], (6, 5, 4)).astype(np.uint8)
    nib.save(nib.Nifti1Image(drawn, affine), item["label"])
    assert write_nnunet_dataset(tmp_path / "raw", [item], [3, 2], label_set=LUNGS) == {}
    labels = json.loads((tmp_path / "raw" / "dataset.json").read_text())["labels"]
    assert labels == {"background": 0, "right lung": 1, "nodule": 2}
    expected = np.select([drawn == 7, drawn == 11], [1, 2])
    np.testing.assert_array_equal(voxels(tmp_path / "raw" / "labelsTr" / "anna.nii.gz"), expected)

    nib.save(nib.Nifti1Image(np.where(drawn == 7, 90, 0).astype(np.uint8), affine), item["label"])
    mapped = item | {"label_map": {"90": 7}}
    assert write_nnunet_dataset(tmp_path / "raw", [mapped], [3, 2], label_set=LUNGS) == {}
    np.testing.assert_array_equal(voxels(tmp_path / "raw" / "labelsTr" / "anna.nii.gz"), drawn == 7)


def test_unknown_voxels_cannot_be_learned(tmp_path):
    good, bad = make_case(tmp_path, "anna"), make_case(tmp_path, "bertha")
    nib.save(nib.Nifti1Image(np.full((6, 5, 4), 255, dtype=np.uint8), oblique_affine("PSR")), bad["label"])
    assert "label ids outside" in write_nnunet_dataset(tmp_path / "raw", [good, bad], ALL)["bertha"]


def test_masks_are_complete_labels_too(tmp_path):
    item = make_case(tmp_path, "anna", annotated=[1, 3])
    affine = nib.load(item["label"]).affine
    masks = {}
    for number, name in enumerate(("left lung", "nodule")):
        mask = np.zeros((6, 5, 4), dtype=np.uint8)
        mask[3 * number : 3 * number + 2] = 1
        masks[name] = str(tmp_path / f"{name}.nii.gz")
        nib.save(nib.Nifti1Image(mask, affine), masks[name])
    assert write_nnunet_dataset(tmp_path / "raw", [item | {"label": masks}], [1, 3], label_set=LUNGS) == {}
    written = voxels(tmp_path / "raw" / "labelsTr" / "anna.nii.gz")
    assert written[:, 0, 0].tolist() == [1, 1, 0, 2, 2, 0]


def test_complete_and_chosen_are_the_classes_of_the_label_set():
    items = annotated([1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 2, 3], [1])
    assert choose_classes(items, label_set=LUNGS) == [1, 2, 3]
    assert select_complete_cases(items, [1, 2, 3], label_set=LUNGS)[1] == {"5": "not annotated: right lung, nodule"}


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["heart"], r"classes \['heart'\] must be one or more classes of the label set; classes: 'heart' is no class"),
        ([1], r"classes \[1\] must be .* 1 is no class of the label set; it has 3 left lung, 7 right lung, 11 nodule"),
        ([], r"classes \[\] must be one or more of left lung, right lung, nodule"),
    ],
)
def test_classes_that_the_label_set_has_not_are_refused_before_anything_runs(tmp_path, classes, message):
    with pytest.raises(ValueError, match=message):
        train_nnunet([], tmp_path / "work", classes=classes, label_set=LUNGS)
    assert not (tmp_path / "work").exists()


@pytest.mark.nnunet
def test_classes_by_name_and_number_decide_which_cases_are_complete(tmp_path):
    items = [make_case(tmp_path, case, annotated=[1, 3]) for case in ("anna", "bertha")]
    for item in items:
        label = nib.load(item["label"])
        nib.save(nib.Nifti1Image(np.full(label.shape, 11, dtype=np.uint8), label.affine), item["label"])
    with pytest.raises(DataListError, match="2 cases are complete for the 2 classes"):
        train_nnunet(items, tmp_path / "work", folds=0, classes=["Nodule", 3], label_set=LUNGS)

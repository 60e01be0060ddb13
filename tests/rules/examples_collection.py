"""Collections of labels that look as if something were wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rules.examples import example
from rules.examples_folders import _log
from rules.examples_scans import HU, nifti
from swinx.data import check_data, format_report, load_labelled
from swinx.files import write_json
from swinx.rules import CollectionRules, LabelRules, ListRules

SHAPE = (24, 24, 24)
CENTIMETRES = np.diag([-10.0, 10.0, 10.0, 1.0])
"""Grid whose first axis runs to the patient's left; a voxel is a millilitre."""


def collection(folder: Path, labels: dict[str, dict[int, int]], annotated: dict[str, list[int]] | None = None) -> str:
    """What `swinx data check` says of labels that have so many ml of each class, side by side along the first axis."""
    scan = np.resize(HU, SHAPE)
    entries = []
    for case, volumes in labels.items():
        label = np.zeros(SHAPE, np.uint8)
        for place, (number, volume) in enumerate(volumes.items()):
            inner = label[1 + 8 * place : 8 + 8 * place, 1:-1, 1:-1]
            inner[np.unravel_index(np.arange(volume), inner.shape)] = number
        nifti(folder / f"{case}_0000.nii.gz", scan, CENTIMETRES)
        nifti(folder / f"{case}.nii.gz", label, CENTIMETRES)
        entries.append({"image": f"{case}_0000.nii.gz", "label": f"{case}.nii.gz"})
        if annotated is not None:
            entries[-1]["annotated"] = annotated[case]
    write_json(folder / "list.json", {"training": entries})
    return format_report(check_data(folder / "list.json"))


@example(CollectionRules.COMPLETE)
def labels_that_say_nothing_of_annotation(folder: Path) -> str:
    return collection(folder, {"a": {1: 1500}})


@example(CollectionRules.OUTSIDE)
def a_label_with_a_number_of_no_class(folder: Path) -> str:
    return collection(folder, {"a": {77: 10}})


@example(CollectionRules.LEFT_OUT)
def a_mask_of_no_class(folder: Path) -> str:
    nifti(folder / "a_0000.nii.gz", HU)
    (folder / "masks").mkdir()
    for name in ("liver", "femur"):
        nifti(folder / f"masks/{name}.nii.gz", (HU > 0).astype(np.uint8))
    write_json(folder / "list.json", {"training": [{"image": "a_0000.nii.gz", "label": "masks"}]})
    return format_report(check_data(folder / "list.json"))


@example(CollectionRules.UNKNOWN)
def a_label_with_unknown_voxels(folder: Path) -> str:
    return collection(folder, {"a": {1: 1500, 255: 10}})


@example(CollectionRules.UNLISTED)
def a_label_with_a_class_that_is_not_listed(folder: Path) -> str:
    return collection(folder, {"a": {1: 1500, 5: 100}}, {"a": [1]})


@example(LabelRules.CONTRADICTS, LabelRules.IS_OTHER, CollectionRules.CONTRADICT)
def labels_in_which_liver_and_spleen_have_each_other_number(folder: Path) -> str:
    usual, other = {1: 1500, 3: 200}, {3: 1500, 1: 200}
    return collection(folder, {"a": usual, "b": usual, "c": usual, "d": other, "e": other})


@example(ListRules.NUMBERINGS)
def a_training_on_labels_of_two_numberings(folder: Path) -> str:
    labels_in_which_liver_and_spleen_have_each_other_number(folder)
    with _log() as lines:
        load_labelled(folder / "list.json", "training", folder / "split.json")
    return "\n".join(lines)


@example(LabelRules.VOLUME, LabelRules.OTHER_NUMBERING, CollectionRules.VOLUMES)
def a_large_aorta(folder: Path) -> str:
    return collection(folder, {"a": {5: 1400}})


@example(LabelRules.SIDES, CollectionRules.SIDES)
def a_right_kidney_on_the_left(folder: Path) -> str:
    return collection(folder, {"a": {13: 150, 2: 150}})


@example(CollectionRules.OTHER_SET)
def a_collection_by_the_numbers_of_another_set(folder: Path) -> str:
    return collection(folder, {case: {1: 200, 6: 1500} for case in "abc"})


@example(CollectionRules.TWO, CollectionRules.FITS)
def one_case_by_the_numbers_of_another_set(folder: Path) -> str:
    return collection(folder, {"a": {1: 1500}, "b": {1: 1500}, "c": {1: 200, 6: 1500}})

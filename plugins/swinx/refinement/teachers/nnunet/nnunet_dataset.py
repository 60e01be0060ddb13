"""Complete cases as a data set that nnU-Net v2 can train on."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from swinx.data import label_path, read_volume
from swinx.errors import CaseError, DataListError
from swinx.files import real_path, write_atomic, write_json
from swinx.geometry import compare_grids
from swinx.labels import FLARE23, LabelSet
from swinx.nifti import write_nifti
from swinx.refinement.label_of_case import read_case_label
from swinx.refinement.teachers.class_maps import relabel

__all__ = ["choose_classes", "select_complete_cases", "write_nnunet_dataset"]

Case = Mapping[str, Any]

_MOST_SETS = 200


def select_complete_cases(
    items: Sequence[Case], classes: Sequence[int], label_set: LabelSet = FLARE23
) -> tuple[list[Case], dict[str, str]]:
    """Split cases into those whose annotation covers all ``classes`` and the rest.

    nnU-Net learns that unannotated voxels are background. A case in which a class is unannotated would teach it to
    miss that class. Its "ignore" label is no way out: it excuses regions, and here all of the background is in doubt.

    Args:
        items: Entries of a data list, as :func:`swinx.data.load_data_list` returns them.
        classes: Class ids that the network is to learn.
        label_set: The classes.

    Returns:
        The complete cases, and the reason why for each case that is left out.
    """
    complete, left_out = [], {}
    for item in items:
        missing = sorted(set(classes) - set(item.get("annotated", ())))
        if "label" not in item:
            left_out[item["case"]] = "has no label"
        elif "annotated" not in item:
            left_out[item["case"]] = "no record of its annotated classes"
        elif missing:
            left_out[item["case"]] = f"not annotated: {label_set.listed(missing)}"
        else:
            complete.append(item)
    return complete, left_out


def choose_classes(items: Sequence[Case], min_cases: int = 5, label_set: LabelSet = FLARE23) -> list[int]:
    """Return the classes that a teacher can learn from partly annotated cases.

    All, if ``min_cases`` cases are complete for all. Otherwise, of what single cases, or two cases together, have
    annotated, the set with the most classes times complete cases; fewer than ``min_cases`` complete cases, or only one,
    count where no set has more.

    Args:
        items: Entries of a data list.
        min_cases: Complete cases that are enough.
        label_set: The classes.

    Returns:
        Class ids in ascending order; empty if nothing is annotated.

    Examples:
        >>> partly = [{"label": "x", "annotated": [1, 3]}] * 6 + [{"label": "x", "annotated": [1]}] * 2
        >>> choose_classes(partly)
        [1, 3]
    """
    counts = Counter(frozenset(item.get("annotated", ())) for item in items if "label" in item)

    def complete(classes: frozenset[int]) -> int:
        return sum(count for annotated, count in counts.items() if classes <= annotated)

    every = frozenset(label_set.foreground)
    if complete(every) >= min_cases:
        return sorted(every)
    common = [annotated for annotated, _ in counts.most_common(_MOST_SETS)]
    candidates = {first & second for first in common for second in common} - {frozenset()}

    def worth(classes: frozenset[int]) -> tuple[bool, bool, int, int, list[int]]:
        cases = complete(classes)
        return cases >= min_cases, cases > 1, len(classes) * cases, cases, [-index for index in sorted(classes)]

    nothing: frozenset[int] = frozenset()
    return sorted(max(candidates, key=worth, default=nothing))


def write_nnunet_dataset(
    folder: Path, items: Sequence[Case], classes: Sequence[int], label_set: LabelSet = FLARE23
) -> dict[str, str]:
    """Write ``imagesTr``, ``labelsTr`` and ``dataset.json`` in place of former ones.

    Images that are ``.nii.gz`` already are hard-linked, or copied where that is not possible; others are converted.
    nnU-Net wants consecutive numbers: the classes get 1, 2, ... in ascending order of their ids, under their names in
    the label set. Other annotated classes become background.

    Args:
        folder: ``nnUNet_raw/Dataset<id>_<name>``.
        items: Complete cases.
        classes: Class ids.
        label_set: The classes.

    Returns:
        The reason why for each case that could not be read and is left out.

    Raises:
        DataListError: If no case is left.
        OSError: If a file cannot be written.
    """
    order = sorted(classes)
    ids = {index: order.index(index) + 1 if index in order else 0 for index in range(label_set.num_classes)}
    for name in ("imagesTr", "labelsTr"):
        shutil.rmtree(folder / name, ignore_errors=True)  # nnU-Net takes every file in them for a case
    left_out = {}
    for item in items:
        try:
            _write_case(folder, item, ids, label_set)
        except CaseError as error:  # one bad case must not end the training of a teacher
            left_out[item["case"]] = str(error)
    if len(left_out) == len(items):
        first = next(iter(left_out.values()), "no case is complete")
        raise DataListError(f"{folder.name}: no case is left to train on; the first reason: {first}")
    labels = {"background": 0} | {label_set.names[index]: ids[index] for index in order}
    write_json(
        folder / "dataset.json",
        {
            "channel_names": {"0": "CT"},  # nnU-Net chooses its normalisation by this name
            "labels": labels,
            "numTraining": len(items) - len(left_out),
            "file_ending": ".nii.gz",
            "overwrite_image_reader_writer": "SimpleITKIO",
        },
    )
    return left_out


def _write_case(folder: Path, item: Case, ids: Mapping[int, int], label_set: LabelSet) -> None:
    image, label = read_volume(item["image"]), read_case_label(item, label_set, allow_unknown=False)
    faults, _ = compare_grids(image.affine, image.array.shape, label.affine, label.array.shape)
    if faults:
        raise CaseError(label_path(item["label"]), f"not on the grid of its image {item['image']}: {'; '.join(faults)}")
    # The label takes the image's affine: nnU-Net compares the two headers.
    labels = np.ascontiguousarray(relabel(label.array, ids))
    write_nifti(folder / "labelsTr" / f"{item['case']}.nii.gz", labels, image.affine)
    target = folder / "imagesTr" / f"{item['case']}_0000.nii.gz"
    if str(item["image"]).lower().endswith(".nii.gz"):
        _link(Path(item["image"]), target)
    else:
        write_nifti(target, image.array, image.affine)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(real_path(source), target)
    except OSError:  # another disk, or one without links
        with write_atomic(target, suffix=".nii.gz") as partial:
            shutil.copyfile(source, partial)

"""Gain of a refinement: partial and refined labels against a withheld complete truth."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from swinx.data import find_label_maps, label_path, list_label_set, load_data_list
from swinx.errors import CaseError, DataListError
from swinx.files import write_table
from swinx.geometry import compare_grids
from swinx.labels import FLARE23, UNKNOWN, LabelSet
from swinx.metrics import dice_per_class
from swinx.refinement.label_of_case import read_case_label

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RefinementGain", "gain_table", "refinement_gain"]


@dataclass(frozen=True)
class RefinementGain:
    """Scores of a refinement.

    Attributes:
        rows: A row per case and class that the truth has: ``case``, ``class``, ``annotated`` (True if it is
            annotated in this case), ``known`` (True if it is complete in the refined label), ``before`` and
            ``after`` (Dice, 0 to 1), ``unknown`` (share of the class's true voxels that are 255).
        text: The means by class as a table.
    """

    rows: pd.DataFrame
    text: str


def refinement_gain(
    truth: str | os.PathLike[str],
    before: str | os.PathLike[str],
    after: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    progress: bool = True,
    label_set: LabelSet | None = None,
) -> RefinementGain:
    """Compare partial and refined labels with the complete truth, case by case and class by class.

    The partial label is scored as if it were complete: unannotated classes are missing. An unknown voxel (255) counts
    as background in both. A class that does not occur in the truth of a case is left out there.

    Args:
        truth: Folder of complete label maps, ``<case>.nii.gz``.
        before: Data list of the partial labels.
        after: Data list that the refinement left.
        out: A CSV file to write, one row per case and class.
        progress: Show a progress bar.
        label_set: The classes; by default those of ``after``. The complete labels have its numbers.

    Raises:
        DataListError: If a list cannot be used, or has no case of the truth.
        CaseError: If a label cannot be read, or two of one case lie on different grids.
    """
    classes = label_set or list_label_set(after)
    partial = {item["case"]: item for item in load_data_list(before, "training", label_set=classes)}
    refined = load_data_list(after, "training", need_label=True, label_set=classes)
    truths = find_label_maps(truth, label_set=classes)
    shared = [item for item in refined if item["case"] in truths]
    if not shared:
        raise DataListError(f"{truth}: has the complete label of none of the {len(refined)} cases in {after}")
    rows: list[dict[str, Any]] = []
    for item in tqdm(shared, desc="refined labels", unit="case", disable=not progress, leave=False):
        rows += _score(truths[item["case"]], partial.get(item["case"], {}), item, classes)
    import pandas as pd

    table = pd.DataFrame(rows)
    if out is not None:
        write_table(out, table)
    text = gain_table(table, label_set=classes)
    if missing := len(truths) - len(shared):
        text += f"\n{missing} of the {len(truths)} cases of the truth are not in {after}, and not in these means"
    return RefinementGain(table, text)


def gain_table(rows: pd.DataFrame, label_set: LabelSet = FLARE23) -> str:
    """Return mean Dice in percent by class, and over the classes, as text.

    Args:
        rows: As :class:`RefinementGain` has them.
        label_set: The classes.
    """
    lines = [f"{'Dice (%)':<20} {'before':>7} {'after':>7} {'after, unannotated':>18} {'cases':>6} {'unannotated':>12}"]
    means = []
    for name in label_set.names[1:]:
        of_class = rows[rows["class"] == name]
        if of_class.empty:
            continue
        pseudo = of_class[~of_class["annotated"]]
        values = [of_class["before"].mean(), of_class["after"].mean(), pseudo["after"].mean()]
        means.append(values)
        lines.append(f"{name:<20} {_percent(values)} {len(of_class):>6} {len(pseudo):>12}")
    with np.errstate(all="ignore"):
        lines.append(f"{'mean of classes':<20} {_percent(np.nanmean(np.array(means), axis=0).tolist())}")
    return "\n".join(lines)


def _percent(values: list[float]) -> str:
    return " ".join(f"{'-' if np.isnan(v) else f'{100 * v:.1f}':>{w}}" for v, w in zip(values, (7, 7, 18), strict=True))


def _score(
    truth: Path, partial: Mapping[str, Any], refined: Mapping[str, Any], label_set: LabelSet
) -> list[dict[str, Any]]:
    complete, affine = _read({"label": truth}, label_set)
    before = np.zeros_like(complete)
    if "label" in partial:
        before = _on_grid(partial, complete, affine, label_set)
    after = _on_grid(refined, complete, affine, label_set)
    scores = {
        name: dice_per_class(complete, np.where(labels == UNKNOWN, 0, labels).astype(np.uint8), label_set=label_set)
        for name, labels in (("before", before), ("after", after))
    }
    sizes = np.bincount(complete.ravel(), minlength=256)
    unknown = np.bincount(complete[after == UNKNOWN].ravel(), minlength=256)
    return [
        {
            "case": refined["case"],
            "class": label_set.names[value],
            "annotated": value in partial.get("annotated", ()),
            "known": value in refined.get("annotated", ()),
            **{name: round(by_class[label_set.names[value]], 6) for name, by_class in scores.items()},
            "unknown": round(float(unknown[value] / sizes[value]), 6),
        }
        for value in label_set.foreground
        if sizes[value]
    ]


def _read(item: Mapping[str, Any], label_set: LabelSet) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    volume = read_case_label(item, label_set)
    return volume.array.astype(np.uint8), volume.affine


def _on_grid(
    item: Mapping[str, Any], complete: NDArray[np.uint8], affine: NDArray[np.float64], label_set: LabelSet
) -> NDArray[np.uint8]:
    labels, own = _read(item, label_set)
    faults, _ = compare_grids(affine, complete.shape, own, labels.shape)
    if faults:
        raise CaseError(label_path(item["label"]), f"not on the grid of the complete truth: {'; '.join(faults)}")
    return labels

"""The best and the worst cases of an evaluation, slice by slice."""

from __future__ import annotations

import os
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from swinx.data import Volume, find_cases, find_label_maps, read_label, read_volume
from swinx.errors import DataListError, reason_of
from swinx.geometry import compare_grids
from swinx.labels import FLARE23, UNKNOWN, LabelSet
from swinx.report.slice_viewer import slice_viewer
from swinx.scoring import listed_pair, read_reference

__all__ = ["case_viewers"]

PathLike = str | os.PathLike[str]


def case_viewers(
    table: pd.DataFrame,
    images: PathLike,
    section: str,
    reference: PathLike | None,
    prediction: PathLike,
    count: int,
    slices: int,
    faults: list[str],
    label_set: LabelSet = FLARE23,
) -> str:
    """Return viewers of the cases with the highest and the lowest mean DSC.

    Args:
        table: Scores, one row a case; cases without any are not chosen.
        images: Scans, as :func:`swinx.data.find_cases` takes them.
        section: Section of the data list, where ``images`` is one.
        reference: Folder of reference labels; by default the labels of the data list.
        prediction: Folder of predicted labels.
        count: How many of the best, and of the worst.
        slices: Axial slices of each case.
        faults: Gets a sentence for each case that cannot be shown.
        label_set: The classes.

    Raises:
        DataListError: If there are no scans or predictions.
    """
    scored = table[[name for name in table.columns if name.endswith("_dsc")]].mean(axis=1).dropna().sort_values()
    best = list(scored.index[-count:][::-1])
    worst = [case for case in scored.index[:count] if case not in best]
    scans = {item["case"]: item for item in find_cases(images, section=section, label_set=label_set)}
    predicted = {case: str(path) for case, path in find_label_maps(prediction, label_set=label_set).items()}
    truths = {case: item for case, item in scans.items() if "label" in item}
    if reference is not None:
        truths |= {
            case: {"case": case, "label": path}
            for case, path in find_label_maps(reference, label_set=label_set).items()
        }
    parts = []
    for rank, case in [("best", case) for case in best] + [("worst", case) for case in worst]:
        parts.append(f"<h3>{escape(str(case))}: among the {rank}, mean DSC {100 * scored[case]:.1f} %</h3>")
        try:
            if case not in scans:
                raise DataListError(f"is scored, but not among the scans in {images}")
            if "fault" in scans[case]:
                raise DataListError(str(scans[case]["fault"]))
            files = truths.get(case), predicted.get(case)
            parts.append(_viewer(str(case), scans[case]["image"], *files, slices, label_set))
        except (OSError, ValueError) as error:
            faults.append(f"{case}: {reason_of(error)}")
            parts.append(f'<p class="fault">Not shown: {escape(reason_of(error))}</p>')
    return "".join(parts)


def _viewer(
    case: str, image: str, truth: Mapping[str, Any] | None, prediction: str | None, slices: int, label_set: LabelSet
) -> str:
    scan = read_volume(image)
    volumes: dict[str, tuple[object, Volume]] = {}
    if truth is not None:
        pair = listed_pair(truth, None, label_set)
        volumes["Reference"] = pair.reference, read_reference(pair, label_set)
    if prediction is not None:
        volumes["Prediction"] = prediction, read_label(prediction, label_set, allow_empty=True, allow_unknown=False)
    labels = {}
    for title, (path, volume) in volumes.items():
        apart, _ = compare_grids(scan.affine, scan.array.shape, volume.affine, volume.array.shape)
        if apart:
            raise DataListError(f"{path}: not on the grid of the scan: {'; '.join(apart)}")
        labels[title] = np.where(volume.array == UNKNOWN, 0, volume.array).astype(np.uint8)
    return slice_viewer(case, scan.array, labels, scan.affine, slices, label_set)

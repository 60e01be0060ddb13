"""The best and the worst cases of an evaluation, slice by slice."""

from __future__ import annotations

import os
from html import escape

import numpy as np
import pandas as pd

from swinx.data import find_cases, find_label_maps, read_volume
from swinx.errors import DataListError, reason_of
from swinx.geometry import compare_grids
from swinx.labels import UNKNOWN
from swinx.report.slice_viewer import slice_viewer

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

    Raises:
        DataListError: If there are no scans or predictions.
    """
    scored = table[[name for name in table.columns if name.endswith("_dsc")]].mean(axis=1).dropna().sort_values()
    best = list(scored.index[-count:][::-1])
    worst = [case for case in scored.index[:count] if case not in best]
    scans = {item["case"]: item for item in find_cases(images, section=section)}
    predicted = {case: str(path) for case, path in find_label_maps(prediction).items()}
    truths = {case: item["label"] for case, item in scans.items() if "label" in item}
    if reference is not None:
        truths |= {case: str(path) for case, path in find_label_maps(reference).items()}
    parts = []
    for rank, case in [("best", case) for case in best] + [("worst", case) for case in worst]:
        parts.append(f"<h3>{escape(str(case))}: among the {rank}, mean DSC {100 * scored[case]:.1f} %</h3>")
        try:
            if case not in scans:
                raise DataListError(f"is scored, but not among the scans in {images}")
            if "fault" in scans[case]:
                raise DataListError(str(scans[case]["fault"]))
            files = {"Reference": truths.get(case), "Prediction": predicted.get(case)}
            parts.append(_viewer(str(case), scans[case]["image"], files, slices))
        except (OSError, ValueError) as error:
            faults.append(f"{case}: {reason_of(error)}")
            parts.append(f'<p class="fault">Not shown: {escape(reason_of(error))}</p>')
    return "".join(parts)


def _viewer(case: str, image: str, files: dict[str, str | None], slices: int) -> str:
    scan = read_volume(image)
    labels = {}
    for title, path in files.items():
        if path is not None:
            volume = read_volume(path, "label", allow_empty=True, allow_unknown=title == "Reference")
            apart, _ = compare_grids(scan.affine, scan.array.shape, volume.affine, volume.array.shape)
            if apart:
                raise DataListError(f"{path}: not on the grid of the scan: {'; '.join(apart)}")
            labels[title] = np.where(volume.array == UNKNOWN, 0, volume.array).astype(np.uint8)
    return slice_viewer(case, scan.array, labels, scan.affine, slices)

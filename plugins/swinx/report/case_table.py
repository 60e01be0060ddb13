"""Table of the cases that sorts: scores, time, warnings, and volumes of the classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from swinx.labels import FLARE23, LabelSet
from swinx.metrics import METRICS, score_column
from swinx.report.case_voxels import PREDICTION, REFERENCE, CaseFiles
from swinx.report.html_page import Cell, html_table

__all__ = ["Volumes", "case_table", "read_volumes", "volume_table"]

Volumes = Mapping[str, Mapping[str, npt.NDArray[np.float64]]]
"""Case to title to the volume of each class, in ml."""


def read_volumes(table: pd.DataFrame, files: CaseFiles) -> Volumes:
    """Return the volumes of the classes in the label maps of all scored cases; without those that cannot be read."""
    found = {}
    for case in tqdm(list(map(str, table.index)), desc="volumes", unit="case", leave=False):
        try:
            found[case] = files.volumes_ml(case)
        except (OSError, ValueError):  # the scores name the case, and the viewer says why
            continue
    return found


def case_table(
    table: pd.DataFrame,
    opened: Mapping[str, int],
    seconds: Mapping[str, float],
    warnings: Mapping[str, Sequence[str]],
    label_set: LabelSet = FLARE23,
) -> str:
    """Return the scores of every case, worst first, with what the readers said of it.

    Args:
        table: Scores, one row a case, 0..1.
        opened: Case to its number in the viewer.
        seconds: Case to the time of its segmentation.
        warnings: Case to warnings and faults.
        label_set: The classes.
    """
    names = [name for name in label_set.names[1:] if table[score_column(name, "dsc")].notna().any()]
    means = {
        metric: table[[score_column(name, metric) for name in label_set.names[1:]]].mean(axis=1) for metric in METRICS
    }
    headers = ["case", *(f"mean {metric.upper()}" for metric in METRICS)]
    headers += ["seconds"] * bool(seconds) + ["warnings"] * bool(warnings) + [f"{name} DSC" for name in names]
    rows: list[list[object]] = []
    for case in table.index[np.argsort(means["dsc"].to_numpy(), kind="stable")]:
        row: list[object] = [Cell(case, opens=opened.get(str(case)))]
        row += [_percent(means[metric][case]) for metric in METRICS]
        if seconds:
            row.append(_number(seconds.get(str(case), np.nan), 1))
        if warnings:
            row.append(Cell("; ".join(warnings.get(str(case), [])), is_text=True))
        rows.append(row + [_percent(table.loc[case, score_column(name, "dsc")]) for name in names])
    return html_table(headers, rows, sorts=True)


def volume_table(volumes: Volumes, opened: Mapping[str, int], label_set: LabelSet = FLARE23) -> str:
    """Return the volume of every class in every case in ml: of the prediction, and of the reference in brackets.

    It sorts by the volume of the prediction.

    Args:
        volumes: Volumes of the label maps.
        opened: Case to its number in the viewer.
        label_set: The classes.
    """
    total: Any = sum(found for each in volumes.values() for found in each.values())
    labels = [label for label in label_set.foreground if total[label] > 0] if volumes else []
    rows: list[list[object]] = []
    for case, maps in volumes.items():
        row: list[object] = [Cell(case, opens=opened.get(case))]
        for label in labels:
            guess, truth = (maps[title][label] if title in maps else np.nan for title in (PREDICTION, REFERENCE))
            text = "" if np.isnan(guess) else f"{guess:.1f}"
            row.append(Cell(text if np.isnan(truth) else f"{text} ({truth:.1f})".strip(), value=float(guess)))
        rows.append(row)
    return html_table(["case", *(label_set.names[label] for label in labels)], rows, sorts=True)


def _percent(value: float) -> Cell:
    return _number(100 * value, 1)


def _number(value: float, digits: int) -> Cell:
    return Cell(None if np.isnan(value) else f"{value:.{digits}f}", value=float(value))

"""Scores and pictures of an evaluation run's predictions."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from swinx.data import list_label_set, read_list
from swinx.errors import CaseError
from swinx.labels import FLARE23, LabelSet
from swinx.report.overlay_folders import draw_cases
from swinx.scoring import ReferenceList, ScoreReport, listed_pair, score_pairs

__all__ = ["score_cases"]

_logger = logging.getLogger(__name__)


def score_cases(
    cases: Sequence[Mapping[str, Any]],
    prediction_dir: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    protocol: str = "auto",
    overlay_dir: str | os.PathLike[str] | None = None,
    data_list: str | os.PathLike[str] | None = None,
    label_set: LabelSet | None = None,
) -> ScoreReport:
    """Score the predictions of labelled cases on the grid of their images, and draw them.

    Args:
        cases: Items with ``case``, ``image`` and ``label``, as :func:`swinx.data.load_cases` gives them. One with a
            ``fault`` is among the bad cases; it is scored as a missing prediction if it has a label. Classes that are
            not ``annotated`` in a case, or that are ``pseudo``, are not scored; cases of one ``patient`` are one
            observation in the confidence intervals.
        prediction_dir: Folder with ``<case>.nii.gz``.
        out_dir: Folder for ``scores.csv``, ``summary.json`` and ``summary.md``.
        protocol: ``"flare23"``, ``"standard"`` or ``"auto"``, see :func:`swinx.scoring.score_folders`.
        overlay_dir: Folder for one PNG per case that was predicted, under its name; None draws nothing.
        data_list: The data list of the cases, whose name tells ``"auto"`` the challenge's data.
        label_set: The classes of the cases; by default those of the data list, and of FLARE-23 if there is none.

    Returns:
        The scores; a case without a prediction is among its bad cases.

    Raises:
        ValueError: If the protocol is unknown.
        OSError: If a folder cannot be written to.
    """
    predictions = {str(item["case"]): Path(prediction_dir) / f"{item['case']}.nii.gz" for item in cases}
    faulty = {str(item["case"]) for item in cases if "fault" in item}
    predicted = {case: path for case, path in predictions.items() if case not in faulty and path.is_file()}
    labelled = [item for item in cases if "label" in item]
    chosen = label_set or (FLARE23 if data_list is None else list_label_set(data_list))
    pairs = [listed_pair(item, predicted.get(str(item["case"])), chosen) for item in labelled]
    unusable = [
        CaseError(str(item["case"]), str(item.get("fault", "has no label"))) for item in cases if "label" not in item
    ]
    source = None
    if data_list is not None:
        source = ReferenceList(os.fspath(data_list), str(read_list(data_list).get("name", "")), label_set=chosen)
    report = score_pairs(pairs, out_dir, protocol, unusable=unusable, source=source, label_set=chosen)
    if overlay_dir is not None:
        drawable = [{**item, "prediction": predicted[item["case"]]} for item in cases if item["case"] in predicted]
        pictures = draw_cases(drawable, overlay_dir, label_set=chosen)
        for error in pictures.bad_cases:
            _logger.error("not drawn: %s", error)
        for case in predictions:
            if (picture := Path(overlay_dir) / f"{case}.png") not in pictures.paths:
                picture.unlink(missing_ok=True)  # it would show a prediction of an earlier run
    return report

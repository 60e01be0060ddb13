"""Score and draw what an evaluation run has just predicted."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from swinx.errors import CaseError
from swinx.metrics import Protocol
from swinx.report.case_pairs import CasePair
from swinx.report.overlay_folders import draw_cases
from swinx.report.scores import ScoreReport, score_pairs

__all__ = ["score_cases"]

_logger = logging.getLogger(__name__)


def score_cases(
    cases: Sequence[Mapping[str, Any]],
    prediction_dir: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    protocol: Protocol = "flare23",
    overlay_dir: str | os.PathLike[str] | None = None,
) -> ScoreReport:
    """Score the predictions of labelled cases on the grid of their images, and draw them.

    Args:
        cases: Items with ``case``, ``image`` and ``label``, as :func:`swinx.data.load_cases` gives them. One with a
            ``fault`` is among the bad cases; it is scored as a missing prediction if it has a label.
        prediction_dir: Folder with ``<case>.nii.gz``.
        out_dir: Folder for ``scores.csv``, ``summary.json`` and ``summary.md``.
        protocol: ``"flare23"`` or ``"fixed"``, see :func:`swinx.metrics.score_case`.
        overlay_dir: Folder for one PNG per case that was predicted, under its name; None draws nothing.

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
    pairs = [CasePair(str(item["case"]), Path(item["label"]), predicted.get(str(item["case"]))) for item in labelled]
    unusable = [
        CaseError(str(item["case"]), str(item.get("fault", "has no label"))) for item in cases if "label" not in item
    ]
    report = score_pairs(pairs, out_dir, protocol, unusable=unusable)
    if overlay_dir is not None:
        drawable = [{**item, "prediction": predicted[item["case"]]} for item in cases if item["case"] in predicted]
        pictures = draw_cases(drawable, overlay_dir)
        for error in pictures.bad_cases:
            _logger.error("not drawn: %s", error)
        for case in predictions:
            if (picture := Path(overlay_dir) / f"{case}.png") not in pictures.paths:
                picture.unlink(missing_ok=True)  # it would show a prediction of an earlier run
    return report

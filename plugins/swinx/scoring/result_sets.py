"""Ids of sets of results, from the records beside the files; results of two sets are refused."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from swinx.data import record_path
from swinx.errors import RunError
from swinx.files import file_sha256, read_object
from swinx.rules import ResultRules
from swinx.visible_text import first_of, visible

__all__ = ["check_scored_results", "one_result_set"]

_SHOWN = 3
_logger = logging.getLogger(__name__)


def one_result_set(predictions: Iterable[str | os.PathLike[str]]) -> str | None:
    """Return the id of the set of all predictions.

    Those without a record, as of other programs, belong to none; a warning counts them where others have one.

    Args:
        predictions: Files of predictions, whose records lie beside them.

    Returns:
        The id; None if no prediction has one.

    Raises:
        RunError: If there are two ids; the message names the cases of the smaller set. If a record cannot be read, or
            is of another file than the prediction beside it.
    """
    found: dict[str, list[str]] = {}
    without: list[str] = []
    for prediction in map(Path, predictions):
        case = prediction.name.removesuffix(".gz").removesuffix(".nii")
        record = _record_of(prediction, case)
        if isinstance(record.get("results"), str) and record.get("case") == case:
            found.setdefault(record["results"], []).append(str(prediction))
        else:
            without.append(case)
    if found and without:
        _logger.warning("%s", ResultRules.NO_RECORD.says(count=len(without), cases=first_of(without, _SHOWN)))
    if len(found) > 1:
        least = min(found.values(), key=len)
        raise RunError(
            ResultRules.MIXED.says(
                folder=visible(Path(least[0]).parent),
                sets=len(found),
                ids=", ".join(sorted(map(visible, found))),
                count=len(least),
                cases=first_of((Path(path).name for path in least), _SHOWN),
            )
        )
    return next(iter(found), None)


def check_scored_results(summary: Path, predictions: str | os.PathLike[str] | None) -> None:
    """Refuse to show scores of one set of results beside predictions of another.

    Args:
        summary: The ``summary.json`` of the scores; one that is missing or tells no set claims nothing.
        predictions: Folder of predictions, or one file; None if none are shown.

    Raises:
        RunError: If the sets differ, or the folder holds two.
    """
    if predictions is None:
        return
    place = Path(predictions)
    found = one_result_set(sorted(place.glob("*.nii*")) if place.is_dir() else [place])
    try:
        scored = read_object(summary, finite=False).get("results")
    except (OSError, ValueError):
        return
    if isinstance(scored, str) and found is not None and scored != found:
        raise RunError(
            ResultRules.OTHER_SCORES.says(scored=visible(scored), folder=visible(place), found=visible(found))
        )


def _record_of(prediction: Path, case: str) -> dict[str, Any]:
    """Return the record beside a prediction; empty if there is none."""
    place = record_path(prediction.parent, case)
    if not place.is_file():
        return {}
    try:
        record = read_object(place, finite=False)
        written = record.get("prediction_sha256")
        stale = isinstance(written, str) and written != file_sha256(prediction)
    except (OSError, ValueError) as error:
        raise RunError(ResultRules.DAMAGED.says(path=visible(place))) from error
    if stale:
        raise RunError(ResultRules.STALE.says(path=visible(place), prediction=visible(prediction.name)))
    return record

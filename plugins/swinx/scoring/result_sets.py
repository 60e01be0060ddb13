"""Ids of sets of results, from the records beside the files; results of two sets are refused."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from swinx.data import record_path
from swinx.errors import RunError
from swinx.files import read_object
from swinx.rules import ResultRules
from swinx.visible_text import visible

__all__ = ["check_scored_results", "one_result_set"]

_SHOWN = 3


def one_result_set(predictions: Iterable[str | os.PathLike[str]]) -> str | None:
    """Return the id of the set of all predictions.

    Those without a record, as of other programs, belong to none.

    Args:
        predictions: Files of predictions, whose records lie beside them.

    Returns:
        The id; None if no prediction has one.

    Raises:
        RunError: If there are two ids; the message names the cases of the smaller set.
    """
    found: dict[str, list[str]] = {}
    for prediction in map(Path, predictions):
        case = prediction.name.removesuffix(".gz").removesuffix(".nii")
        try:
            record = read_object(record_path(prediction.parent, case), finite=False)
        except (OSError, ValueError):
            continue
        if isinstance(record.get("results"), str) and record.get("case") == case:
            found.setdefault(record["results"], []).append(str(prediction))
    if len(found) > 1:
        least = min(found.values(), key=len)
        raise RunError(
            ResultRules.MIXED.says(
                folder=visible(Path(least[0]).parent),
                sets=len(found),
                ids=", ".join(sorted(map(visible, found))),
                count=len(least),
                cases=", ".join(visible(Path(path).name) for path in least[:_SHOWN])
                + (", ..." if len(least) > _SHOWN else ""),
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

"""Classes of predictions, from the records that inference writes beside them."""

from __future__ import annotations

import glob
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from swinx.data import case_name, record_path
from swinx.errors import DataListError, LabelSetError, RecordError
from swinx.files import read_object, real_path
from swinx.labels import LabelSet, known_label_sets, name_words, read_label_set
from swinx.rules import LabelSetRules, ScoreRules, VolumeFileRules
from swinx.visible_text import visible

__all__ = ["classes_of_predictions"]

_SUMMARY = "cases.json"
_logger = logging.getLogger(__name__)


def classes_of_predictions(
    predictions: Any, label_set: LabelSet | None = None, others: Sequence[Any] = (), option: str = "--labels"
) -> LabelSet:
    """Return the classes by which label maps are to be read.

    Args:
        predictions: Folder of label maps, or one file. The record of an inference beside them has their label set.
            Others, such as None, tell nothing.
        label_set: The classes that the user or a data list names; None if nobody does.
        others: Other files of the command; one that is missing is named first.
        option: How the user names a label set, for the message.

    Returns:
        ``label_set``; or else what is recorded.

    Raises:
        LabelSetError: If nothing says what the numbers mean.
        DataListError: If a file is missing then, or the record gives a class of ``label_set`` another number, or its
            number to another class.
        RecordError: If the record holds more than plain data, or names or numbers were changed after it was written.
    """
    place = real_path(predictions) if isinstance(predictions, str | Path) else None
    record = None if place is None else _record_of(place)
    content = {} if record is None or not record.is_file() else read_object(record)
    labels = content.get("labels")
    if not isinstance(labels, dict) or not labels:
        return label_set or _refuse([predictions, *others], option)
    source = visible(record)
    own = _read_whole(labels, source) if isinstance(labels.get("labels"), dict) else _read_numbers(labels, source)
    if content.get("labels_sha256", own.digest) != own.digest:
        raise RecordError(LabelSetRules.CHANGED.says(source=source))
    if label_set is None:
        return own
    if _contradict(_numbers(own), _numbers(label_set)):
        told = {"recorded": _listed(own), "given": _listed(label_set)}
        raise DataListError(ScoreRules.OTHER_NUMBERS.says(source=source, **told))
    return label_set


def _refuse(sources: Sequence[Any], option: str) -> NoReturn:
    named = [source for source in sources if isinstance(source, str | Path)]
    for source in named:
        if not glob.has_magic(str(source)) and not real_path(source).exists():
            raise DataListError(f"{visible(source)}: {VolumeFileRules.MISSING.says()}")
    source = visible(named[0]) if named else "the label maps"
    raise LabelSetError(ScoreRules.NO_CLASSES.says(source=source, option=option))


def _record_of(place: Path) -> Path:
    """Return the record of a batch; of a folder without one, that of its first case that has one."""
    if not place.is_dir():
        return record_path(place.parent, case_name(place))
    summary = place / _SUMMARY
    of_cases = (record_path(place, case_name(path)) for path in sorted(place.glob("*.nii*")))
    return summary if summary.is_file() else next((path for path in of_cases if path.is_file()), summary)


def _read_whole(labels: dict[str, Any], source: str) -> LabelSet:
    try:
        return read_label_set(labels, source)
    except ValueError as error:
        raise RecordError(str(error)) from error


def _read_numbers(labels: dict[str, Any], source: str) -> LabelSet:
    """Return the label set of a record of names and numbers alone, as older versions wrote it.

    It is a known one where these are exactly its own; the log says what is assumed.
    """
    for name in known_label_sets():
        known = read_label_set(name)
        if labels == dict(zip(known.names, known.values, strict=True)):
            _logger.warning("%s", ScoreRules.KNOWN_NUMBERS.says(source=source, name=name))
            return known
    found = _read_whole(labels, source)
    _logger.warning("%s", ScoreRules.NUMBERS_ALONE.says(source=source))
    return found


def _contradict(one: dict[frozenset[str], int], other: dict[frozenset[str], int]) -> bool:
    """Return whether a class has two numbers, or a number means two classes."""
    by_number = {number: name for name, number in other.items()}
    return any(other.get(name, number) != number or by_number.get(number, name) != name for name, number in one.items())


def _numbers(label_set: LabelSet) -> dict[frozenset[str], int]:
    return {name_words(each.name): each.value for each in label_set.classes}


def _listed(label_set: LabelSet) -> str:
    shown = [f"{each.value} {each.name}" for each in label_set.classes[:6]]
    return ", ".join(shown) + (" ..." if len(label_set) > len(shown) else "")

"""Classes of predictions, from the records that inference writes beside them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from swinx.data import case_name, record_path
from swinx.errors import DataListError, RecordError
from swinx.files import read_object, real_path
from swinx.labels import FLARE23, LabelSet, known_label_sets, name_words, read_label_set
from swinx.rules import LabelSetRules, ScoreRules
from swinx.visible_text import visible

__all__ = ["classes_of_predictions"]

_SUMMARY = "cases.json"
_logger = logging.getLogger(__name__)


def classes_of_predictions(predictions: Any, label_set: LabelSet | None = None) -> LabelSet:
    """Return the classes by which label maps are to be read.

    Args:
        predictions: Folder of label maps, or one file. The record of an inference beside them says which number each
            class has. Others, such as None, tell nothing.
        label_set: The classes that the user or a data list names; None if nobody does.

    Returns:
        ``label_set``; or else what is recorded; or else FLARE-23's, which the log says.

    Raises:
        DataListError: If the record gives a class of ``label_set`` another number, or its number to another class.
        RecordError: If the record holds more than plain data, or names or numbers were changed after it was written.
    """
    place = real_path(predictions) if isinstance(predictions, str | Path) else None
    record = None if place is None else _record_of(place)
    content = {} if record is None or not record.is_file() else read_object(record)
    numbers = content.get("labels")
    if not isinstance(numbers, dict) or not numbers:
        if label_set is None:
            _logger.info("no label set is named: the classes are taken to be those of FLARE-23")
        return label_set or FLARE23
    own = _read({str(name): value for name, value in numbers.items()}, visible(record))
    if content.get("labels_sha256", own.digest) != own.digest:
        raise RecordError(LabelSetRules.CHANGED.says(source=visible(record)))
    if label_set is not None and _contradict(_numbers(own), _numbers(label_set)):
        told = {"recorded": _listed(own), "given": _listed(label_set)}
        raise DataListError(ScoreRules.OTHER_NUMBERS.says(source=visible(record), **told))
    return label_set or own


def _record_of(place: Path) -> Path:
    return place / _SUMMARY if place.is_dir() else record_path(place.parent, case_name(place))


def _read(numbers: dict[str, Any], source: str) -> LabelSet:
    """Return the label set of names and numbers; a known one where they are exactly its own."""
    for name in known_label_sets():
        known = read_label_set(name)
        if numbers == dict(zip(known.names, known.values, strict=True)):
            return known
    try:
        return read_label_set(numbers, source)
    except ValueError as error:
        raise RecordError(str(error)) from error


def _contradict(one: dict[frozenset[str], int], other: dict[frozenset[str], int]) -> bool:
    """Return whether a class has two numbers, or a number means two classes."""
    by_number = {number: name for name, number in other.items()}
    return any(other.get(name, number) != number or by_number.get(number, name) != name for name, number in one.items())


def _numbers(label_set: LabelSet) -> dict[frozenset[str], int]:
    return {name_words(each.name): each.value for each in label_set.classes}


def _listed(label_set: LabelSet) -> str:
    shown = [f"{each.value} {each.name}" for each in label_set.classes[:6]]
    return ", ".join(shown) + (" ..." if len(label_set) > len(shown) else "")

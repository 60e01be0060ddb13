"""Data and scores of a training, as far as the record of its weights tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swinx.labels import LabelSet

__all__ = ["class_rows", "data_line", "scores_by_name", "training_rows"]

_UNKNOWN = "not recorded"


def data_line(record: Mapping[str, Any]) -> str:
    """Return how many labelled cases each section of the data has, in words.

    Args:
        record: As :func:`swinx.tracking.read_record` returns it.

    Examples:
        >>> data_line({"data": {"training": {"cases": 12}, "validation": {"cases": 3}}})
        '12 labelled cases for training, 3 for validation'
    """
    counts = {section: facts["cases"] for section, facts in (record.get("data") or {}).items()}
    told = [
        f"{count} {'' if place else 'labelled cases '}for {name}" for place, (name, count) in enumerate(counts.items())
    ]
    return ", ".join(told) or _UNKNOWN


def training_rows(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return names and values of what else is known of the training: origins, epoch, scores, versions."""
    rows = []
    for source in record.get("upstream") or []:
        sha = f", SHA-256 {source['sha256'][:12]}..." if source.get("sha256") else ""
        rows.append((f"trained from: {source['name']}", f"{source['path']}{sha}"))
    if record.get("epoch") is not None:
        rows.append(("epoch", f"{record['epoch']}"))
    scores = _means(record)
    rows += [(f"validation, {name}", f"{value:.4f}") for name, value in scores.items()] or [("validation", _UNKNOWN)]
    rows += [(name, str(record[name])) for name in ("date", "swinx", "torch", "run_id") if record.get(name)]
    return rows


def class_rows(record: Mapping[str, Any], label_set: LabelSet) -> list[tuple[str, str]]:
    """Return for each class in how many cases of the training it was annotated, and its Dice in the validation."""
    training = (record.get("data") or {}).get("training")
    return [(_cases(training, name), _dice(record, name)) for name in label_set.names[1:]]


def scores_by_name(record: Mapping[str, Any], label_set: LabelSet) -> dict[str, float]:
    """Return the scores of the validation: means by the names of their metrics, and ``val_dice`` of each class."""
    dice = record.get("class_dice") or {}
    known = {f"val_dice {name}": dice[name] for name in label_set.names[1:] if dice.get(name) is not None}
    return _means(record) | known


def _means(record: Mapping[str, Any]) -> dict[str, float]:
    best = {record["metric"]: record["value"]} if record.get("metric") and record.get("value") is not None else {}
    return best | {name: value for name, value in (record.get("metrics") or {}).items() if value}


def _cases(training: Mapping[str, Any] | None, name: str) -> str:
    if training is None:
        return _UNKNOWN
    drawn, by_network = ((training.get(kind) or {}).get(name) for kind in ("annotated", "pseudo"))
    return f"{drawn or 0}, and {by_network} by a network" if by_network else f"{drawn or 0}"


def _dice(record: Mapping[str, Any], name: str) -> str:
    dice = record.get("class_dice")
    if dice is None:
        return _UNKNOWN
    return "not validated" if dice.get(name) is None else f"{dice[name]:.4f}"

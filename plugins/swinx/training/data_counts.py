"""Counts of the cases of a training, for the record of its weights; they name no case and no file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from swinx.labels import FLARE23, LabelSet

__all__ = ["data_counts"]


def data_counts(label_set: LabelSet = FLARE23, **sections: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how many labelled cases each section has, and in how many of them each class was annotated.

    Args:
        label_set: The classes.
        sections: Cases by section, with ``annotated`` and ``pseudo`` (class ids). A case with a label and without
            ``annotated`` counts for all classes, as in the loss; what :func:`swinx.training.take_as_absent` added does
            not count.

    Returns:
        For each section that has labelled cases ``cases``, ``annotated`` (class name to cases in which people annotated
        it), and ``pseudo`` (class name to cases in which a network did), if there are any.

    Examples:
        >>> data_counts(training=[{"label": "a.nii.gz", "annotated": [1, 14], "pseudo": [1]}])["training"]["pseudo"]
        {'liver': 1}
    """
    labelled = {name: [case for case in cases if "label" in case] for name, cases in sections.items()}
    return {name: _counts(cases, label_set) for name, cases in labelled.items() if cases}


def _counts(labelled: Sequence[Mapping[str, Any]], label_set: LabelSet) -> dict[str, Any]:
    pseudo = [set(case.get("pseudo") or ()) for case in labelled]
    drawn = [_annotated(case, label_set) - by_network for case, by_network in zip(labelled, pseudo, strict=True)]
    counts = {"cases": len(labelled), "annotated": _by_name(drawn, label_set.foreground, label_set)}
    completed = _by_name(pseudo, sorted(set().union(*pseudo)), label_set)
    return counts | ({"pseudo": completed} if completed else {})


def _annotated(case: Mapping[str, Any], label_set: LabelSet) -> set[int]:
    listed = case.get("annotated")
    return set(label_set.foreground if listed is None else listed) - set(case.get("absent") or ())


def _by_name(found: Sequence[Collection[int]], labels: Collection[int], label_set: LabelSet) -> dict[str, int]:
    return {label_set.names[label]: sum(label in ids for ids in found) for label in labels}

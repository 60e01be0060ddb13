"""Facts about a case that scoring uses: annotated classes and patient."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from swinx.labels import FLARE23, UNKNOWN, LabelSet
from swinx.rules import LabelRules

__all__ = ["PATIENT_KEYS", "annotated_by_people", "is_patient", "patient_of", "unlisted_note"]

PATIENT_KEYS = ("patient", "group")
"""Keys of an entry that name the patient; the first one counts."""


def annotated_by_people(item: Mapping[str, Any], label_set: LabelSet = FLARE23) -> tuple[int, ...] | None:
    """Return the classes that people annotated completely in a case; None if nothing is recorded.

    Classes that a network labelled (``pseudo``) are not among them: a score against these tells how alike two networks
    are. ``label_set`` has the classes of an entry that records none.

    Examples:
        >>> annotated_by_people({"annotated": [1, 2, 3], "pseudo": [3]})
        (1, 2)
    """
    listed, pseudo = item.get("annotated"), item.get("pseudo") or ()
    if listed is None and not pseudo:
        return None
    classes = label_set.foreground if listed is None else listed
    return tuple(sorted({int(value) for value in classes} - {int(value) for value in pseudo}))


def unlisted_note(found: Collection[int], item: Mapping[str, Any], label_set: LabelSet = FLARE23) -> str:
    """Return a note on classes that occur in a label and are not listed as annotated; empty if there is none.

    Check, training and refinement all take such a label: the voxels stay what they are drawn as, and the class counts
    as not annotated completely.

    Args:
        found: Class ids that occur in the label.
        item: ``annotated`` and ``pseudo`` (class ids), as far as they are recorded; without ``annotated``, all are.
        label_set: The classes.

    Examples:
        >>> unlisted_note([0, 1, 14], {"annotated": [1]}, FLARE23)  # doctest: +ELLIPSIS
        'classes that occur but are not listed as annotated: 14 tumor; ...'
    """
    if item.get("annotated") is None:
        return ""
    listed = {0, UNKNOWN, *item["annotated"], *(item.get("pseudo") or ())}
    unlisted = sorted({int(label) for label in found} - listed)
    return LabelRules.UNLISTED.says(names=label_set.numbered(unlisted)) if unlisted else ""


def patient_of(item: Mapping[str, Any]) -> str | None:
    """Return the patient of a case; None if the entry names none.

    Examples:
        >>> patient_of({"case": "demo_003", "patient": "demo"})
        'demo'
        >>> patient_of({"case": "anna"}) is None
        True
    """
    return next((str(item[key]) for key in PATIENT_KEYS if item.get(key) is not None), None)


def is_patient(value: Any) -> bool:
    """Return whether a value of an entry can name a patient."""
    return value is None or (isinstance(value, str) and bool(value.strip())) or type(value) is int

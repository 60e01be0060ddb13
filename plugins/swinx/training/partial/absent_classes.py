"""Classes without annotation in any case of a training, which are taken as absent."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from swinx.labels import FLARE23, LabelSet
from swinx.rules import ListRules

__all__ = ["take_as_absent"]

_logger = logging.getLogger(__name__)


def take_as_absent(items: Sequence[Mapping[str, Any]], label_set: LabelSet = FLARE23) -> list[dict[str, Any]]:
    """Mark classes that are annotated in no case as annotated, and so as absent, in all.

    A loss for partial labels leaves a class free wherever it is not annotated. Were that everywhere, the network could
    call all background by that class at no cost. A warning names these classes.

    Args:
        items: Cases, with ``annotated`` (class ids); without it all classes count as annotated in the case.
        label_set: The classes.

    Returns:
        Copies of the cases; those without ``annotated`` unchanged.
    """
    found: set[int] = set()
    for item in items:
        found |= set(label_set.foreground if item.get("annotated") is None else item["annotated"])
    nowhere = sorted(set(label_set.foreground) - found)
    if not nowhere or not items:
        return [dict(item) for item in items]
    _logger.warning("%s", ListRules.ABSENT.says(classes=label_set.listed(nowhere)))
    return [{**item, "annotated": sorted({*item["annotated"], *nowhere})} for item in items]

"""One label set for all parts of a refinement, which configurations build one by one."""

from __future__ import annotations

from collections.abc import Iterable

from swinx.labels import LabelSet

__all__ = ["check_label_sets"]


def check_label_sets(parts: Iterable[object], label_set: LabelSet) -> None:
    """Check that parts have the same label set.

    Args:
        parts: Teachers, policies, filters, rules; those without a ``label_set`` work with any.
        label_set: The label set of the refinement.

    Raises:
        ValueError: If a part has another one.
    """
    for part in parts:
        own = getattr(part, "label_set", label_set)
        if own != label_set:
            names = [each.name or "one without a name" for each in (own, label_set)]
            raise ValueError(
                f"{type(part).__name__} has the label set {names[0]}, not {names[1]} as the refinement; give it the "
                'same label_set, in a configuration by "label_set": "@label_set"'
            )

"""What a refinement did not take from the teacher, since its volume cannot be true, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from swinx.labels import class_name
from swinx.rules import TeacherRules

__all__ = ["implausible_as_text", "tell_implausible"]


def tell_implausible(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a line with the number of cases by class; empty if all organs were taken.

    Args:
        reports: Case name to report of :class:`swinx.refinement.RefineLabelsd`.
    """
    found = [[int(value) for value in report.get("implausible", {})] for report in reports.values()]
    counts = Counter(value for classes in found for value in classes)
    if not counts:
        return ""
    by_class = ", ".join(f"{class_name(value)} {counts[value]}" for value in sorted(counts))
    cases = sum(1 for classes in found if classes)
    return TeacherRules.BAD_TEACHER.says(cases=cases, total=len(reports), counts=by_class)


def implausible_as_text(report: Mapping[str, Any]) -> str:
    """Return the organs of a case with their volumes.

    Examples:
        >>> implausible_as_text({"implausible": {"2": 112500.0}})
        'right kidney 112500.0 ml'
    """
    return "; ".join(f"{class_name(int(value))} {ml:.1f} ml" for value, ml in report.get("implausible", {}).items())

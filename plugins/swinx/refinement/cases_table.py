"""Table of the cases of a refinement, ``cases.csv``, and its organs of implausible volume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from swinx.files import write_table
from swinx.labels import CLASS_NAMES, NUM_CLASSES, UNKNOWN, class_name
from swinx.refinement.policies.selection import Verdict
from swinx.rules import TeacherRules

__all__ = ["implausible_in_all", "write_cases_table"]


def write_cases_table(
    path: Path,
    items: Sequence[Mapping[str, Any]],
    records: Mapping[str, Mapping[str, Any]],
    verdicts: Mapping[str, Verdict],
    failures: Mapping[str, str],
) -> None:
    """Write a row per case: refined or not, selected or not, why, and its volumes.

    Args:
        path: The CSV file.
        items: All cases, as :func:`swinx.refinement.load_refinement_cases` lists them.
        records: Record of each refined case.
        verdicts: Verdict on each refined case.
        failures: Reason of each case that failed.
    """
    rows = []
    for item in items:
        case = item["case"]
        row: dict[str, Any] = {"case": case, "section": item["section"], "refined": case in records}
        if case in records:
            row |= _facts(records[case], verdicts[case])
        else:
            row |= {"selected": False, "reason": failures.get(case, "not refined yet")}
        rows.append(row)
    write_table(path, pd.DataFrame(rows))


def implausible_in_all(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a line with the number of cases with an implausible organ, by class; empty if there is none.

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


def _facts(record: Mapping[str, Any], verdict: Verdict) -> dict[str, Any]:
    report = record["refinement"]
    removed = sum(c["removed_ml"] for step in report["filters"] for c in step["classes"].values())
    implausible = [f"{class_name(int(value))} {ml:.1f} ml" for value, ml in report.get("implausible", {}).items()]
    facts = {
        "selected": not verdict.drop_case,
        "reason": verdict.reason,
        "annotated_source": record["annotated_source"],
        **{name: " ".join(map(str, report[name])) for name in ("annotated", "pseudo", "known")},
        "dropped": " ".join(map(str, verdict.drop_classes)),
        "implausible": "; ".join(implausible),
        "disagreement": report["disagreement"],
        "confidence": report["confidence"],
        "conflict_ml": round(_conflict_ml(report["conflicts_ml"]), 3),
        "filtered_ml": round(removed, 3),
        "unknown_ml": report["after_ml"].get(str(UNKNOWN), 0.0),
        "notes": "; ".join(record["notes"]),
    }
    for value in range(1, NUM_CLASSES):
        name = CLASS_NAMES[value].replace(" ", "_")
        facts |= {f"{name}_{when}_ml": report[f"{when}_ml"].get(str(value), 0.0) for when in ("before", "after")}
    return facts


def _conflict_ml(table: Mapping[str, Mapping[str, float]]) -> float:
    """Return the volume in which an annotated class met another pseudo class."""
    none = ("0", str(UNKNOWN))
    return sum(
        ml
        for annotated, row in table.items()
        if annotated not in none
        for other, ml in row.items()
        if other not in (annotated, *none)
    )

"""Table of the cases of a refinement, ``cases.csv``, and its organs of implausible volume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from swinx.files import write_rows
from swinx.labels import FLARE23, UNKNOWN, LabelSet
from swinx.refinement.policies.selection import Verdict
from swinx.rules import TeacherRules

__all__ = ["implausible_in_all", "write_cases_table"]


def write_cases_table(
    path: Path,
    items: Sequence[Mapping[str, Any]],
    records: Mapping[str, Mapping[str, Any]],
    verdicts: Mapping[str, Verdict],
    failures: Mapping[str, str],
    label_set: LabelSet = FLARE23,
) -> None:
    """Write a row per case: refined or not, selected or not, why, and its volumes.

    Args:
        path: The CSV file.
        items: All cases, as :func:`swinx.refinement.load_refinement_cases` lists them.
        records: Record of each refined case.
        verdicts: Verdict on each refined case.
        failures: Reason of each case that failed.
        label_set: The classes; the table has their numbers in label files.
    """
    rows = []
    for item in items:
        case = item["case"]
        row: dict[str, Any] = {"case": case, "section": item["section"], "refined": case in records}
        if case in records:
            row |= _facts(records[case], verdicts[case], label_set)
        else:
            row |= {"selected": False, "reason": failures.get(case, "not refined yet")}
        rows.append(row)
    write_rows(path, rows)


def implausible_in_all(reports: Mapping[str, Mapping[str, Any]], label_set: LabelSet = FLARE23) -> str:
    """Return a line with the number of cases with an implausible organ, by class; empty if there is none.

    Args:
        reports: Case name to report of :class:`swinx.refinement.RefineLabelsd`.
        label_set: The classes.
    """
    found = [[int(value) for value in report.get("implausible", {})] for report in reports.values()]
    counts = Counter(value for classes in found for value in classes)
    if not counts:
        return ""
    by_class = ", ".join(f"{label_set.names[value]} {counts[value]}" for value in sorted(counts))
    cases = sum(1 for classes in found if classes)
    return TeacherRules.BAD_TEACHER.says(cases=cases, total=len(reports), counts=by_class)


def _facts(record: Mapping[str, Any], verdict: Verdict, label_set: LabelSet) -> dict[str, Any]:
    report = record["refinement"]

    def in_files(labels: Iterable[int]) -> str:
        return " ".join(str(label_set.values[label]) for label in labels)

    removed = sum(c["removed_ml"] for step in report["filters"] for c in step["classes"].values())
    implausible = [f"{label_set.names[int(value)]} {ml:.1f} ml" for value, ml in report.get("implausible", {}).items()]
    facts = {
        "selected": not verdict.drop_case,
        "reason": verdict.reason,
        "annotated_source": record["annotated_source"],
        **{name: in_files(report[name]) for name in ("annotated", "pseudo", "known")},
        "dropped": in_files(verdict.drop_classes),
        "implausible": "; ".join(implausible),
        "disagreement": report["disagreement"],
        "confidence": report["confidence"],
        "conflict_ml": round(_conflict_ml(report["conflicts_ml"]), 3),
        "filtered_ml": round(removed, 3),
        "unknown_ml": report["after_ml"].get(str(UNKNOWN), 0.0),
        "notes": "; ".join(record["notes"]),
    }
    for value in label_set.foreground:
        name = label_set.names[value].replace(" ", "_")
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

"""Score summaries as text and as plain values for JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from swinx.labels import FLARE23, LabelSet
from swinx.metrics.intervals import MINIMUM_PATIENTS
from swinx.metrics.protocols import Protocol, tubular_classes
from swinx.metrics.summary import ALL_CLASSES, ORGAN_AVERAGE, ScoreSummary, Statistic, averages
from swinx.rules import ScoreRules
from swinx.visible_text import visible

__all__ = [
    "aligned_table",
    "explain",
    "explained_table",
    "format_table",
    "protocol_note",
    "summary_as_json",
    "summary_as_markdown",
]


def protocol_note(protocol: Protocol, label_set: LabelSet = FLARE23) -> str:
    """Return the meaning of a protocol for the scores of some classes, in a few sentences."""
    if protocol == "flare23":
        return (
            "Protocol `flare23`: the challenge's script with its quirks. A class empty in both maps scores 1 (100 % of "
            "an absent class means that nothing was predicted there, too), a class empty in one of them 0; aorta, "
            "inferior vena cava and esophagus are scored without their last labelled slice. A case without prediction "
            "is left out and named."
        )
    names = [label_set.names[label] for label in tubular_classes(label_set)]
    whole = f"; the last labelled slice of {_and(names)} counts" if names else ""
    return (
        f"Protocol `standard`: a class that the reference does not have is left out of the mean and counted{whole}. A "
        "case without prediction scores 0 and is named."
    )


def explain(summary: ScoreSummary, protocol: Protocol, label_set: LabelSet = FLARE23) -> list[str]:
    """Return explanations of the numbers of a summary, one paragraph each."""
    level = f"{100 * summary.confidence:g} %"
    spread = " ".join(["Mean ± standard deviation between cases (no error of the mean).", *_averages_told(label_set)])
    if summary.patients < MINIMUM_PATIENTS:
        few = f"{summary.patients} patient{'' if summary.patients == 1 else 's'}"
        interval = ScoreRules.FEW_PATIENTS.says(patients=few, cases=summary.cases, least=MINIMUM_PATIENTS)
    else:
        interval = (
            f"{level} CI: Student's interval of the mean over {summary.patients} patients, whose cases count together; "
            f"none where fewer than {MINIMUM_PATIENTS} patients have the class."
        )
    parts = [protocol_note(protocol, label_set), spread, interval]
    if summary.not_averaged:
        parts.append(ScoreRules.NO_REFERENCE.says(classes=", ".join(summary.not_averaged)))
    return parts


def explained_table(summary: ScoreSummary, protocol: Protocol, label_set: LabelSet = FLARE23) -> str:
    """Return the table, and below it what its numbers mean."""
    return "\n\n".join([format_table(summary), *explain(summary, protocol, label_set)])


def format_table(summary: ScoreSummary) -> str:
    """Return the summary as a Markdown table with aligned columns, scores in percent.

    One line per class, then the averages. The last column counts the cases in which the score of the class is
    undefined, if there are any. Of fewer than eight patients there is no interval.

    Examples:
        >>> from swinx.metrics import score_table, summarise
        >>> case = {name: {"dsc": 0.9, "nsd": 0.8} for name in FLARE23.names[1:]}
        >>> text = format_table(summarise(score_table(dict.fromkeys("abcdefgh", case))))
        >>> print(text.splitlines()[2])
        | liver               | 90.00 ± 0.00 | 90.00-90.00 | 80.00 ± 0.00 | 80.00-80.00 |     8 |
    """
    interval = f"{100 * summary.confidence:g} % CI"
    head = ["class", "DSC (%)", interval, "NSD (%)", interval, "cases"]
    lines = [
        [
            row.name.replace("|", r"\|"),
            _spread(row.dsc),
            _interval(row.dsc),
            _spread(row.nsd),
            _interval(row.nsd),
            str(row.dsc.cases),
        ]
        for row in summary.rows
    ]
    if any(row.left_out for row in summary.rows):
        head.append("left out")
        for line, row in zip(lines, summary.rows, strict=True):
            line.append("" if row.left_out is None else str(row.left_out))
    return aligned_table([head, *lines])


def summary_as_markdown(
    summary: ScoreSummary | None,
    protocol: Protocol,
    bad_cases: Sequence[tuple[str, str]],
    notes: Sequence[str],
    label_set: LabelSet = FLARE23,
) -> str:
    """Return a page with the table, its explanation and the failed cases.

    Args:
        summary: The means; None if no case could be scored.
        protocol: How the cases were scored.
        bad_cases: File or case name, and reason.
        notes: Remarks on single cases.
        label_set: The classes.
    """
    cases = 0 if summary is None else summary.cases
    labels = "" if label_set == FLARE23 else f", label set {visible(label_set.name or 'without a name')}"
    parts = [f"# Scores of {cases} case{'' if cases == 1 else 's'}, protocol {protocol}{labels}"]
    if summary is None:
        parts += [protocol_note(protocol, label_set), "No case could be scored."]
    else:
        parts.append(explained_table(summary, protocol, label_set))
    if bad_cases:
        parts.append(
            "## Bad cases\n\n" + "\n".join(f"- `{visible(name)}`: {visible(reason)}" for name, reason in bad_cases)
        )
    if notes:
        parts.append("## Notes\n\n" + "\n".join(f"- {visible(note)}" for note in notes))
    return "\n\n".join(parts) + "\n"


def summary_as_json(summary: ScoreSummary) -> dict[str, Any]:
    """Return the summary as JSON values: scores in 0..1, null where undefined."""
    content: dict[str, Any] = _without_nan(asdict(summary))
    return content


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _spread(statistic: Statistic) -> str:
    if math.isnan(statistic.mean):
        return "-"
    mean = f"{100 * statistic.mean:.2f}"
    return mean if math.isnan(statistic.sd) else f"{mean} ± {100 * statistic.sd:.2f}"


def _interval(statistic: Statistic) -> str:
    return "-" if math.isnan(statistic.low) else f"{100 * statistic.low:.2f}-{100 * statistic.high:.2f}"


def aligned_table(rows: list[list[str]]) -> str:
    """Return a Markdown table of ``rows``, the first of them the header; the first column is left-aligned."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for row in [rows[0], rule, *rows[1:]]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _averages_told(label_set: LabelSet) -> list[str]:
    """Return the classes of each average, a sentence each."""
    groups = averages(label_set)
    told = [f"`{name}`: the {len(labels)} organs." for name, labels in groups.items() if name == ORGAN_AVERAGE]
    lesions = [label_set.names[label] for label in label_set.lesions]
    if ALL_CLASSES not in groups:
        return told
    if not (told and lesions):
        return [*told, f"`{ALL_CLASSES}`: all {len(label_set)} classes."]
    others = f"the {lesions[0]}" if len(lesions) == 1 else f"the {len(lesions)} lesions"
    return [*told, f"`{ALL_CLASSES}`: the organs and {others}."]


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

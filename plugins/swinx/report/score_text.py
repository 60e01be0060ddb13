"""A score summary as text for people and as plain values for JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from swinx.metrics import Protocol, ScoreSummary, Statistic
from swinx.visible_text import visible

__all__ = ["PROTOCOL_NOTES", "aligned_table", "format_table", "summary_as_json", "summary_as_markdown"]

PROTOCOL_NOTES: dict[Protocol, str] = {
    "flare23": (
        "Protocol `flare23`: the challenge's script with its quirks. A class empty in both maps scores 1, a class "
        "empty in one of them 0; aorta, inferior vena cava and esophagus are scored without their last labelled "
        "slice. A case without prediction is left out and named."
    ),
    "fixed": (
        "Protocol `fixed`: a class that the reference does not have is left out of the mean and counted; the last "
        "labelled slice of aorta, inferior vena cava and esophagus counts. A case without prediction scores 0 and "
        "is named."
    ),
}
"""What the numbers mean, in a sentence or two."""


def format_table(summary: ScoreSummary) -> str:
    """Return the summary as a Markdown table with aligned columns, scores in percent.

    One line per class, then both averages. The last column counts the cases in which the score of the class is
    undefined, if there are any.

    Examples:
        >>> import numpy as np
        >>> from swinx.labels import CLASS_NAMES
        >>> from swinx.metrics import score_table, summarise
        >>> case = {name: {"dsc": 0.9, "nsd": 0.8} for name in CLASS_NAMES[1:]}
        >>> text = format_table(summarise(score_table({"a": case, "b": case}), np.random.default_rng(0)))
        >>> print(text.splitlines()[2])
        | liver               | 90.00 ± 0.00 | 90.00-90.00 | 80.00 ± 0.00 | 80.00-80.00 |     2 |
    """
    interval = f"{100 * summary.confidence:g} % CI"
    head = ["class", "DSC (%)", interval, "NSD (%)", interval, "cases"]
    lines = [
        [row.name, _spread(row.dsc), _interval(row.dsc), _spread(row.nsd), _interval(row.nsd), str(row.dsc.cases)]
        for row in summary.rows
    ]
    if any(row.left_out for row in summary.rows):
        head.append("left out")
        for line, row in zip(lines, summary.rows, strict=True):
            line.append("" if row.left_out is None else str(row.left_out))
    return aligned_table([head, *lines])


def summary_as_markdown(
    summary: ScoreSummary | None, protocol: Protocol, bad_cases: Sequence[tuple[str, str]], notes: Sequence[str]
) -> str:
    """Return a page with the table, what it means, and what went wrong.

    Args:
        summary: The means; None if no case could be scored.
        protocol: How the cases were scored.
        bad_cases: File or case name, and reason.
        notes: Remarks on single cases.
    """
    cases = 0 if summary is None else summary.cases
    parts = [f"# Scores of {cases} case{'' if cases == 1 else 's'}", PROTOCOL_NOTES[protocol]]
    if summary is None:
        parts.append("No case could be scored.")
    else:
        parts += [
            format_table(summary),
            f"Mean ± standard deviation over cases; intervals by bootstrap over cases ({summary.resamples} "
            "resamples). `organ average`: the 13 organs. `average`: the organs and the tumor.",
        ]
    if bad_cases:
        parts.append(
            "## Bad cases\n\n" + "\n".join(f"- `{visible(name)}`: {visible(reason)}" for name, reason in bad_cases)
        )
    if notes:
        parts.append("## Notes\n\n" + "\n".join(f"- {visible(note)}" for note in notes))
    return "\n\n".join(parts) + "\n"


def summary_as_json(summary: ScoreSummary) -> dict[str, Any]:
    """Return the summary as values that JSON has: scores in 0..1, null where undefined."""
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
    # One case says nothing about the spread between cases, and its interval would be a point.
    return "-" if statistic.cases < 2 else f"{100 * statistic.low:.2f}-{100 * statistic.high:.2f}"


def aligned_table(rows: list[list[str]]) -> str:
    """Return a Markdown table of ``rows``, the first of them the head; the first column is flush left."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for row in [rows[0], rule, *rows[1:]]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)

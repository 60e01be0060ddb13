"""Scores of a report: means of the classes, and the facts that are recorded beside the scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from swinx.errors import DataListError
from swinx.files import read_object
from swinx.labels import FLARE23, LabelSet
from swinx.metrics import (
    METRICS,
    ScoreSummary,
    Statistic,
    explain,
    read_protocol,
    score_column,
    summarise,
    table_label_set,
)
from swinx.report.html_page import html_list, html_table
from swinx.report.html_plots import draw_score_boxes, figure_as_html
from swinx.scoring import read_scores

__all__ = ["RecordedScores", "read_recorded_scores", "score_section"]


@dataclass(frozen=True)
class RecordedScores:
    """Scores with what is recorded beside them.

    Attributes:
        table: Scores, one row a case, 0..1.
        referenced: Likewise, without classes that no reference has, which are 1 by the challenge's protocol.
        summary: Means of the classes.
        told: Content of ``summary.json``; empty if there is none.
        label_set: The classes.
    """

    table: pd.DataFrame
    referenced: pd.DataFrame
    summary: ScoreSummary
    told: Mapping[str, Any]
    label_set: LabelSet

    @property
    def faults(self) -> dict[str, list[str]]:
        """Case to why it was not scored."""
        return {str(each["case"]): [str(each["reason"])] for each in self.told.get("bad_cases", [])}

    @property
    def notes(self) -> dict[str, list[str]]:
        """Case to remarks on it."""
        found: dict[str, list[str]] = {}
        for note in map(str, self.told.get("notes", [])):
            case, _, said = note.partition(": ")
            if case in self.table.index:
                found.setdefault(case, []).append(said)
        return found


def read_recorded_scores(place: Path, label_set: LabelSet | None = None) -> RecordedScores:
    """Return the scores in a file, and what ``summary.json`` beside it says.

    Args:
        place: ``scores.csv``.
        label_set: The classes; by default those that the summary names.

    Raises:
        DataListError: If there are no scores, or two of one case.
    """
    table = read_scores(place, label_set)
    if table.empty:
        raise DataListError(f"{place}: has no scored case")
    if doubled := sorted(set(table.index[table.index.duplicated()].astype(str))):
        raise DataListError(f"{place}: has {', '.join(doubled)} more than once; score the cases again")
    table.index = table.index.astype(str)
    chosen = label_set or table_label_set(table) or FLARE23
    facts = place.parent / "summary.json"
    told = read_object(facts, finite=False) if facts.is_file() else {}
    records = _records(told)
    patients = {case: str(each["patient"]) for case, each in records.items() if each.get("patient") is not None}
    referenced = _referenced(records)
    absent = [] if referenced is None else [label for label in chosen.foreground if label not in referenced]
    columns = [score_column(chosen.names[label], metric) for label in absent for metric in METRICS]
    return RecordedScores(
        table,
        table.assign(**dict.fromkeys(columns, np.nan)),
        summarise(table, patients, referenced, label_set=chosen),
        told,
        chosen,
    )


def score_section(scores: RecordedScores) -> str:
    """Return the means, the protocol and the cases without scores, as far as they are recorded, as HTML."""
    rows = [[row.name, *_cells(row.dsc), *_cells(row.nsd), row.dsc.cases] for row in scores.summary.rows]
    headers = ["class", "DSC (%)", "95 % CI", "NSD (%)", "95 % CI", "cases"]
    plot = figure_as_html(
        draw_score_boxes(scores.referenced, scores.label_set),
        "Box plots of DSC and NSD of each class over the cases",
    )
    try:
        explained = explain(scores.summary, read_protocol(str(scores.told.get("protocol"))), scores.label_set)
    except ValueError:
        explained = [
            "No summary.json beside the scores: by which rule, and of which cases there are none, is not known."
        ]
    text = "".join(f"<p>{escape(line).replace('`', '')}</p>" for line in explained)
    bad = [f"{case}: {'; '.join(reasons)}" for case, reasons in scores.faults.items()]
    faults = f'<p class="fault">Cases with faults, {len(bad)} in all:</p>{html_list(bad)}' if bad else ""
    return html_table(headers, rows) + plot + text + faults


def _referenced(records: Mapping[str, Mapping[str, Any]]) -> set[int] | None:
    """Return the classes of the references; None if they are not recorded."""
    known = [facts["reference"] for facts in records.values() if isinstance(facts.get("reference"), list)]
    return {label for labels in known for label in labels if isinstance(label, int)} if known else None


def _records(told: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the records of the cases in ``summary.json``; empty for one of an earlier version."""
    cases = told.get("cases")
    pairs = cases.items() if isinstance(cases, Mapping) else ()
    return {str(case): facts for case, facts in pairs if isinstance(facts, Mapping)}


def _cells(score: Statistic) -> list[str | None]:
    if np.isnan(score.mean):
        return [None, None]
    spread = "" if np.isnan(score.sd) else f" ± {100 * score.sd:.2f}"
    interval = None if np.isnan(score.low) else f"{100 * score.low:.2f}-{100 * score.high:.2f}"
    return [f"{100 * score.mean:.2f}{spread}", interval]

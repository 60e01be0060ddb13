"""Verdict of a report: what was reached, what failed, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from swinx.labels import FLARE23, LabelSet
from swinx.metrics import METRICS, MINIMUM_PATIENTS, ScoreSummary, averages, score_column
from swinx.report.html_page import html_list
from swinx.visible_text import first_of

__all__ = ["Verdict", "judge", "judge_training"]

_GOOD, _POOR = 0.9, 0.5
_OUTLIER = 0.2
_MOST = 6
_LATE = 0.9  # share of the epochs after which a best validation means that the training had not finished


@dataclass
class Verdict:
    """Sentences, as text.

    Attributes:
        reached: What was reached.
        failed: What failed.
        to_do: What to do about it.
    """

    reached: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    to_do: list[str] = field(default_factory=list)

    def html(self) -> str:
        """Return the verdict as HTML."""
        parts = (
            ("Reached", self.reached),
            ("Failed", self.failed or ["Nothing."]),
            ("To do", self.to_do or ["Look at the worst cases in the viewer before the results are used."]),
        )
        body = "".join(f"<h3>{title}</h3>{html_list(lines)}" for title, lines in parts if lines)
        return f'<div class="verdict{" failed" if self.failed else ""}">{body}</div>'


def judge(
    table: pd.DataFrame,
    summary: ScoreSummary,
    faults: Mapping[str, Sequence[str]],
    warnings: Mapping[str, Sequence[str]],
    is_recorded: bool,
    label_set: LabelSet = FLARE23,
) -> Verdict:
    """Return the verdict on some scores.

    Args:
        table: Scores, one row a case, 0..1, without classes that no reference has.
        summary: Their means.
        faults: Case to why it could not be segmented or scored.
        warnings: Case to what the readers found odd.
        is_recorded: Whether the protocol of the scores is known.
        label_set: The classes.
    """
    found = Verdict()
    _judge_classes(found, summary, label_set)
    _judge_cases(found, table.drop(index=[case for case in table.index if str(case) in faults]), label_set)
    if faults:
        told = first_of([f"{case} ({'; '.join(reasons)})" for case, reasons in faults.items()], _MOST)
        found.failed.append(f"{_count(len(faults), 'case')} not segmented or not scored: {told}.")
        found.to_do.append(
            "Correct the files of these cases, segment them and score again; they count as 0 or are left out."
        )
    if warnings:
        found.to_do.append(f"Read the warnings on {_count(len(warnings), 'case')} in the table of cases.")
    if summary.patients < MINIMUM_PATIENTS:
        found.to_do.append(
            f"Score {MINIMUM_PATIENTS} patients or more: of {_count(summary.patients, 'patient')} there are no "
            "confidence intervals."
        )
    if not is_recorded:
        found.to_do.append("Score again by swinx score, which records the rule and the cases without scores.")
    return found


def _judge_classes(found: Verdict, summary: ScoreSummary, label_set: LabelSet) -> None:
    rows = {row.name: row for row in summary.rows}
    average = next((rows[name] for name in averages(label_set) if name in rows), None)
    cases = f"{_count(summary.cases, 'case')} of {_count(summary.patients, 'patient')}"
    if average is not None and not np.isnan(average.dsc.mean):
        found.reached.append(
            f"{average.name.capitalize()}: DSC {100 * average.dsc.mean:.1f} %, NSD {100 * average.nsd.mean:.1f} %, "
            f"over {cases}."
        )
    scored = {
        name: rows[name].dsc.mean for name in label_set.names[1:] if name in rows and not np.isnan(rows[name].dsc.mean)
    }
    if not scored:
        found.failed.append("No class has a score.")
        return
    best, worst = max(scored, key=scored.__getitem__), min(scored, key=scored.__getitem__)
    good = sum(mean >= _GOOD for mean in scored.values())
    found.reached.append(
        f"{good} of {_count(len(scored), 'class', 'classes')} with a mean DSC of {100 * _GOOD:.0f} % or more; "
        f"best {best} {100 * scored[best]:.1f} %, worst {worst} {100 * scored[worst]:.1f} %."
    )
    poor = [name for name, mean in sorted(scored.items(), key=lambda item: item[1]) if mean < _POOR]
    if poor:
        told = first_of([f"{name} {100 * scored[name]:.1f} %" for name in poor], _MOST)
        found.failed.append(f"Mean DSC below {100 * _POOR:.0f} %: {told}.")
        found.to_do.append(f"Annotate more scans with {first_of(poor, _MOST)}, or train longer, and compare again.")


def _judge_cases(found: Verdict, table: pd.DataFrame, label_set: LabelSet) -> None:
    missed = {
        name: [str(case) for case in table.index[table[score_column(name, "dsc")] == 0]] for name in label_set.names[1:]
    }
    missed = {name: cases for name, cases in missed.items() if 0 < len(cases) < len(table)}
    if missed:
        told = first_of([f"{name} in {first_of(cases, _MOST)}" for name, cases in missed.items()], _MOST)
        found.failed.append(f"Classes not found at all in single cases (DSC 0): {told}.")
    means = table[[score_column(name, METRICS[0]) for name in label_set.names[1:]]].mean(axis=1).dropna()
    low = means[means < means.median() - _OUTLIER].sort_values()
    if len(low):
        told = first_of([f"{case} {100 * mean:.1f} %" for case, mean in low.items()], _MOST)
        found.failed.append(f"Mean DSC more than {100 * _OUTLIER:.0f} points below the median of the cases: {told}.")
    if missed or len(low):
        found.to_do.append(
            "Open these cases in the viewer and show the differences: is the prediction wrong, or the reference, or is "
            "the scan unlike those of the training?"
        )


def judge_training(found: Verdict, history: pd.DataFrame) -> None:
    """Add what the history of a training says.

    Args:
        found: Gets the sentences.
        history: A row per epoch, with a column ``epoch``.

    Raises:
        ValueError: If it is no such table.
    """
    if "epoch" not in history or history["epoch"].dropna().empty:
        raise ValueError("there is no column 'epoch' with numbers")
    name = next((each for each in ("val_mean_organ_dice", "val_mean_dice") if each in history), None)
    known = history[["epoch", name]].dropna() if name else history.iloc[:0]
    last = int(history["epoch"].max())
    if name is None or known.empty:
        found.to_do.append(f"Give the training validation cases: its {_count(last, 'epoch')} were not validated.")
        return
    best = known.loc[known[name].idxmax()]
    found.reached.append(
        f"Training: {_count(last, 'epoch')}; best validation Dice {100 * best[name]:.1f} % after epoch "
        f"{int(best['epoch'])}."
    )
    if len(known) > 2 and best["epoch"] > _LATE * last:
        found.to_do.append("Train longer (--max_epochs): the validation Dice was best in the last tenth of the epochs.")


def _count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"

"""Write a probe: JSON, CSV, Markdown and a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from swinx import __version__
from swinx.figures import write_figure
from swinx.files import write_json, write_table, write_whole
from swinx.labels import CLASS_NAMES
from swinx.pretraining.probe.linear_probe import Probe, ProbeScores
from swinx.pretraining.probe.probe_comparison import ProbeComparison
from swinx.pretraining.probe.probe_figure import draw_probe
from swinx.pretraining.probe.probe_text import probe_as_markdown, probe_table

__all__ = ["PROBE_FILES", "ProbeReport", "write_probe"]

PROBE_FILES = ("probe.json", "probe.csv", "probe.md", "probe.png")
"""What :func:`write_probe` writes."""


@dataclass(frozen=True)
class ProbeReport:
    """What a probe gave.

    Attributes:
        kind: ``"linear"`` or ``"knn"``.
        sections: Section of the data list that it was fitted on, and the one it was tested on.
        cases: Names of the cases of these sections.
        fit_voxels: Voxels of each class that it was fitted on.
        comparison: All scores.
        failed: ``case`` and ``reason`` of cases that could not be used.
        empty: Cases in which none of the annotated classes was in sight.
        settings: Of the run.
    """

    kind: Probe
    sections: tuple[str, str]
    cases: tuple[tuple[str, ...], tuple[str, ...]]
    fit_voxels: tuple[int, ...]
    comparison: ProbeComparison
    failed: Sequence[Mapping[str, str]]
    empty: Sequence[str]
    settings: Mapping[str, Any]

    @property
    def scores(self) -> dict[str, ProbeScores]:
        """Scores by the name of the encoder."""
        random = {f"random_{number}": found for number, found in enumerate(self.comparison.random)}
        return {"pretrained": self.comparison.pretrained, **random}

    @property
    def table(self) -> pd.DataFrame:
        """One row per encoder and class."""
        rows = [
            {
                "encoder": name,
                "class_id": label,
                "class": CLASS_NAMES[label],
                "recall": found.recall[column],
                "f1": found.f1[column],
                "fit_voxels": self.fit_voxels[column],
                "test_voxels": sum(found.confusion[column]),
            }
            for name, found in self.scores.items()
            for column, label in enumerate(found.classes)
        ]
        return pd.DataFrame(rows)

    @property
    def metrics(self) -> dict[str, float]:
        """The main figures by name, for a tracker."""
        found = self.comparison
        return {
            "balanced_accuracy": found.pretrained.balanced_accuracy,
            "macro_f1": found.pretrained.macro_f1,
            "random_balanced_accuracy": found.balanced_accuracy.mean,
            "random_macro_f1": found.macro_f1.mean,
            "chance": found.chance,
            "gain": found.paired.mean,
            "gain_p": found.paired.p,
        }

    @property
    def notes(self) -> list[str]:
        """Remarks for people, one sentence each."""
        stopped = [name for name, found in self.scores.items() if not found.converged]
        notes = [f"Not used: {failure['case']}: {failure['reason']}" for failure in self.failed]
        if self.empty:
            notes.append(f"None of the annotated classes is in sight in: {', '.join(self.empty)}.")
        if stopped:
            notes.append(f"The classifier was stopped before it had converged for: {', '.join(stopped)}.")
        return notes

    @property
    def text(self) -> str:
        """The tables and remarks, for the terminal."""
        return "\n\n".join([probe_table(self.comparison, self.fit_voxels), *self.notes])

    def as_json(self) -> dict[str, Any]:
        """Return everything as values that JSON has; what is not defined is null."""
        found = self.comparison
        classes = [CLASS_NAMES[label] for label in found.pretrained.classes]
        recall = [asdict(spread) for spread in found.recall]
        content = {
            "probe": self.kind,
            "sections": dict(zip(("fit", "test"), self.sections, strict=True)),
            "cases": dict(zip(("fit", "test"), self.cases, strict=True)),
            "classes": classes,
            "fit_voxels": dict(zip(classes, self.fit_voxels, strict=True)),
            "chance": found.chance,
            "random": {
                "balanced_accuracy": asdict(found.balanced_accuracy),
                "macro_f1": asdict(found.macro_f1),
                "recall": dict(zip(classes, recall, strict=True)),
            },
            "paired": asdict(found.paired),
            "encoders": {name: _scores_as_json(scores, classes) for name, scores in self.scores.items()},
            "failed": self.failed,
            "empty": self.empty,
            "settings": self.settings,
            "versions": {"swinx": __version__, "torch": torch.__version__, "scikit-learn": version("scikit-learn")},
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        plain: dict[str, Any] = _plain(content)
        return plain


def write_probe(report: ProbeReport, folder: Path) -> None:
    """Write :data:`PROBE_FILES`, each whole or not at all.

    Raises:
        OSError: If one cannot be written; the message names it.
    """
    kinds = zip(report.cases, report.sections, strict=True)
    fitted, tested = (f"{len(cases)} case{'' if len(cases) == 1 else 's'} of {name}" for cases, name in kinds)
    write_json(folder / "probe.json", report.as_json())
    write_table(folder / "probe.csv", report.table)
    page = probe_as_markdown(report.comparison, report.fit_voxels, report.kind, (fitted, tested), report.notes)
    with write_whole(folder / "probe.md") as partial:
        partial.write_text(page, encoding="utf-8")
    figure = draw_probe(report.comparison, f"Frozen features: {report.kind} probe, tested on {tested}")
    write_figure(figure, folder / "probe.png", dpi=130)


def _scores_as_json(scores: ProbeScores, classes: Sequence[str]) -> dict[str, Any]:
    return {
        "balanced_accuracy": scores.balanced_accuracy,
        "macro_f1": scores.macro_f1,
        "recall": dict(zip(classes, scores.recall, strict=True)),
        "f1": dict(zip(classes, scores.f1, strict=True)),
        "confusion": scores.confusion,
        "case_accuracy": scores.case_accuracy,
        "converged": scores.converged,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value

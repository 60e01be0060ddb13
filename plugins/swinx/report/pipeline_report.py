"""Report of an evaluation or a pipeline on one page: scores, cases, curves, labels, origins."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import monai
import numpy as np
import pandas as pd
import torch

from swinx import __version__
from swinx.errors import DataListError, reason_of
from swinx.files import read_object, read_table, write_atomic
from swinx.labels import LabelSet
from swinx.report.case_table import Volumes, case_table, read_volumes, volume_table
from swinx.report.case_viewers import REPORT_LIMIT, CaseViewers, view_cases
from swinx.report.case_voxels import CaseFiles
from swinx.report.html_page import html_table, render_page, viewer_library
from swinx.report.html_plots import draw_class_curves, draw_curves, figure_as_html
from swinx.report.inference_record import InferenceRecord, read_record
from swinx.report.score_section import RecordedScores, read_recorded_scores, score_section
from swinx.report.verdict import judge, judge_training
from swinx.scoring import check_scored_results
from swinx.tracking import lineage_tree, sqlite_uri

__all__ = ["write_report"]

PathLike = str | os.PathLike[str]

_TABLES = 20_000  # characters of a case in the tables, at most

_TRAINING = [
    ("loss", ["train_loss"]),
    ("validation Dice", ["val_mean_organ_dice", "val_mean_dice"]),
    ("learning rate", ["learning_rate"]),
]
_PRETRAINING = [
    ("loss", ["train_loss"]),
    ("information (nats)", ["patch_information", "image_information"]),
    ("entropy of the mean (nats)", ["patch_entropy_of_mean", "image_entropy_of_mean"]),
    ("agreement", ["patch_agreement", "image_agreement"]),
    ("RankMe", ["rankme", "rankme_centred"]),
    ("learning rate", ["learning_rate"]),
]


def write_report(
    scores: PathLike,
    out: PathLike,
    *,
    images: PathLike | None = None,
    section: str = "validation",
    reference: PathLike | None = None,
    prediction: PathLike | None = None,
    training: PathLike | None = None,
    pretraining: PathLike | None = None,
    refinement: PathLike | None = None,
    model: PathLike | None = None,
    cases: int = 5,
    max_slices: int = 40,
    title: str = "swinx report",
    label_set: LabelSet | None = None,
) -> list[str]:
    """Write one self-contained HTML page.

    Args:
        scores: Folder with ``scores.csv``, or that file.
        out: The page, written atomically.
        images: Scans, as :func:`swinx.data.find_cases` takes them; with the next two, the best and worst cases are
            shown.
        section: Section of the data list, where ``images`` is one.
        reference: Folder of reference labels; by default the labels of the data list.
        prediction: Folder of predicted labels; its ``cases.json``, if there is one, tells the cost of each case.
        training: Output folder of a training, with ``history.csv``.
        pretraining: Output folder of a pretraining.
        refinement: Output folder of a refinement, with ``cases.csv``.
        model: Checkpoint whose origins are shown.
        cases: How many of the best, and of the worst, the viewer has.
        max_slices: Axial slices of each, for browsers that cannot show volumes.
        title: Headline.
        label_set: The classes; by default those that the summary beside the scores names.

    Returns:
        What could not be shown and why, one sentence each; the page says so, too.

    Raises:
        DataListError: If there are no scores, or a number is out of range.
        RunError: If the predictions are of another set of results than the scores, or of two.
        OSError: If the page cannot be written.
    """
    if min(cases, max_slices) < 1:
        raise DataListError(f"cases {cases} and max_slices {max_slices} must be 1 or more")
    place = Path(scores) / "scores.csv" if Path(scores).is_dir() else Path(scores)
    scored = read_recorded_scores(place, label_set)
    check_scored_results(place.parent / "summary.json", prediction)
    page = _Page([])
    page.add("Scores", lambda: score_section(scored))
    record_file = None if prediction is None else Path(prediction) / "cases.json"
    if record_file is not None:
        page.add("Cost", lambda: _cost(record_file))
    _add_stages(page, training, pretraining, refinement, model, scored.label_set)
    record, viewers = read_record(record_file), CaseViewers()
    volumes: Volumes = {}
    if images is not None and prediction is not None:
        page.add("Licences", viewer_library)
        files = (images, section, reference, prediction, scored.label_set)

        def view() -> str:
            nonlocal viewers, volumes
            found = CaseFiles(*files)
            volumes = read_volumes(scored.table, found)
            room = REPORT_LIMIT - page.size - _TABLES * len(scored.table)
            viewers = view_cases(scored.referenced, found, cases, max_slices, page.faults, room)
            return viewers.html

        page.add("Viewer", view, first=True)
    page.add("Cases", lambda: _cases(scored, viewers, volumes, record), first=True)
    page.add("Verdict", lambda: _verdict(scored, record, training, page.faults), first=True)
    subtitle = (
        f"{len(scored.table)} cases, {datetime.now().astimezone():%Y-%m-%d %H:%M %Z}; swinx {__version__}, "
        f"MONAI {monai.__version__}, PyTorch {torch.__version__}. Not for clinical use."
    )
    text = render_page(title, subtitle, page.sections, viewers.data)
    with write_atomic(out) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
    return page.faults


@dataclass
class _Page:
    """Parts of a page: one that fails is named, and the others are shown."""

    sections: list[tuple[str, str]]
    faults: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Number of characters."""
        return sum(len(body) for _, body in self.sections)

    def add(self, heading: str, make: Callable[[], str], first: bool = False) -> None:
        """Add a part, at the end or before all others."""
        try:
            body = make()
        except Exception as error:
            self.faults.append(f"{heading}: {reason_of(error)}")
            body = f'<p class="fault">Not shown: {escape(reason_of(error))}</p>'
        self.sections.insert(0 if first else len(self.sections), (heading, body))


def _add_stages(
    page: _Page,
    training: PathLike | None,
    pretraining: PathLike | None,
    refinement: PathLike | None,
    model: PathLike | None,
    label_set: LabelSet,
) -> None:
    if refinement is not None:
        page.add("Refined labels", lambda: _refinement(Path(refinement) / "cases.csv", label_set))
    if training is not None:
        page.add("Training", lambda: _training(Path(training), label_set))
    if pretraining is not None:
        page.add("Pretraining", lambda: _curves(Path(pretraining) / "history.csv", _PRETRAINING))
    if model is not None:
        uri = os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri("mlflow.db")
        page.add("Origins", lambda: f"<pre>{escape(lineage_tree(model, uri))}</pre>")


def _cases(scores: RecordedScores, viewers: CaseViewers, volumes: Volumes, record: InferenceRecord) -> str:
    told = _joined(record.warnings, scores.notes, scores.faults)
    table = case_table(scores.referenced, viewers.opened, record.seconds, told, scores.label_set)
    opens = " A case that is underlined opens in the viewer." if viewers.opened else ""
    body = f'<p class="hint">Worst first; a click on a header sorts.{opens}</p>{table}'
    if any(map(len, volumes.values())):
        body += "<h3>Volumes of the prediction in ml, of the reference in brackets</h3>"
        body += volume_table(volumes, viewers.opened, scores.label_set)
    return body


def _verdict(scores: RecordedScores, record: InferenceRecord, training: PathLike | None, faults: list[str]) -> str:
    lost = _joined(record.failed, scores.faults)
    warned = _joined(record.warnings, scores.notes)
    is_recorded = bool(scores.told.get("protocol"))
    found = judge(scores.referenced, scores.summary, lost, warned, is_recorded, scores.label_set)
    if training is not None:
        with suppress(OSError, ValueError):  # the part of the page that shows the curves says why
            judge_training(found, read_table(Path(training) / "history.csv"))
    if faults:
        found.failed.append(f"Not shown on this page: {'; '.join(faults)}.")
    return found.html()


def _joined(*told: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the sentences of each case, of several sources."""
    found: dict[str, list[str]] = {}
    for source in told:
        for case, sentences in source.items():
            found.setdefault(case, []).extend(sentences)
    return found


def _cost(path: Path) -> str:
    if not path.is_file():
        return "<p>Time and memory are not known: there is no cases.json beside the predictions.</p>"
    content = read_object(path, finite=False)
    rows: list[list[Any]] = []
    if not content["done"]:
        return "<p>No case was segmented.</p>"
    for item in content["done"]:
        memory = item["peak_memory"]
        shape = " x ".join(map(str, item["shape"]))
        gpu = memory.get("gpu_device_mb") or memory.get("gpu_reserved_mb")
        rows.append([item["case"], shape, item["device"], f"{item['seconds']['total']:.1f}", memory["rss_mb"], gpu])
    seconds = np.mean([item["seconds"]["total"] for item in content["done"]])
    rows.append(["mean", "", "", f"{seconds:.1f}", None, None])
    return html_table(["case", "voxels", "device", "seconds", "host memory (MB)", "GPU memory (MB)"], rows)


def _refinement(path: Path, label_set: LabelSet) -> str:
    table = read_table(path)
    refined, selected = (int(table[name].fillna(False).astype(bool).sum()) for name in ("refined", "selected"))
    names = [name.removesuffix("_before_ml") for name in table.columns if name.endswith("_before_ml")]
    shown = {name.replace(" ", "_"): name for name in label_set.names}
    rows = [
        [
            shown.get(name, name.replace("_", " ")),
            *(f"{table[f'{name}_{when}_ml'].sum() / 1000:.2f}" for when in ("before", "after")),
        ]
        for name in names
    ]
    text = f"<p>{refined} of {len(table)} cases refined, {selected} selected for training.</p>"
    bad = table["implausible"].dropna().astype(str).str.strip() if "implausible" in table else pd.Series(dtype=str)
    if count := int((bad != "").sum()):
        text += f'<p class="fault">Organs of the teacher of implausible volume were not taken in {count} cases.</p>'
    return text + html_table(["class", "litres before", "litres after"], rows)


def _training(folder: Path, label_set: LabelSet) -> str:
    """Return the curves of a training, and those of its classes where they are recorded."""
    body = _curves(folder / "history.csv", _TRAINING)
    by_class = folder / "organs.csv"
    figure = draw_class_curves(read_table(by_class), label_set) if by_class.is_file() else None
    if figure is None:
        return body + '<p class="hint">No Dice of single classes is recorded: there is no organs.csv with scores.</p>'
    return (
        body + "<h3>Validation Dice of each class</h3>" + figure_as_html(figure, "Validation Dice by class and epoch")
    )


def _curves(path: Path, groups: list[tuple[str, list[str]]]) -> str:
    history = read_table(path)
    figure = draw_curves(history, groups)
    if figure is None:
        raise DataListError(f"{path}: has none of the columns that the curves show")
    told = ", ".join(title for title, _ in groups)
    return f"<p>{len(history)} epochs.</p>" + figure_as_html(figure, f"Curves by epoch: {told}")

"""Report of an evaluation or a pipeline on one page: scores, cases, curves, labels, origins."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
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
from swinx.files import read_object, read_table, write_whole
from swinx.labels import FLARE23, LabelSet
from swinx.metrics import METRICS, Statistic, explain, read_protocol, score_column, summarise, table_label_set
from swinx.report.html_plots import draw_curves, draw_score_boxes, figure_as_html, html_table, render_page
from swinx.report.slice_viewer import VIEWER_SCRIPT, case_viewers
from swinx.scoring import check_scored_results, read_scores
from swinx.tracking import lineage_tree, sqlite_uri

__all__ = ["write_report"]

PathLike = str | os.PathLike[str]

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
    cases: int = 2,
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
        prediction: Folder of predicted labels; its ``cases.json`` tells the cost of each case.
        training: Output folder of a training, with ``history.csv``.
        pretraining: Output folder of a pretraining.
        refinement: Output folder of a refinement, with ``cases.csv``.
        model: Checkpoint whose origins are shown.
        cases: How many of the best, and of the worst.
        max_slices: Axial slices of each case.
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
    table = _read_table(place, label_set)
    chosen = label_set or table_label_set(table) or FLARE23
    check_scored_results(place.parent / "summary.json", prediction)
    faults: list[str] = []
    sections: list[tuple[str, str]] = []

    def add(heading: str, make: Callable[[], str]) -> None:
        try:
            sections.append((heading, make()))
        except Exception as error:  # a part that fails is named, the others are shown
            faults.append(f"{heading}: {reason_of(error)}")
            sections.append((heading, f'<p class="fault">Not shown: {escape(reason_of(error))}</p>'))

    facts = place.parent / "summary.json"
    add("Scores", lambda: _scores(table, facts, chosen))
    if images is not None and prediction is not None:
        files = (images, section, reference, prediction)
        add(
            "Best and worst cases",
            lambda: case_viewers(_referenced_only(table, facts, chosen), *files, cases, max_slices, faults, chosen),
        )
    if prediction is not None:
        add("Cost", lambda: _cost(Path(prediction) / "cases.json"))
    if refinement is not None:
        add("Refined labels", lambda: _refinement(Path(refinement) / "cases.csv", chosen))
    if training is not None:
        add("Training", lambda: _curves(Path(training) / "history.csv", _TRAINING))
    if pretraining is not None:
        add("Pretraining", lambda: _curves(Path(pretraining) / "history.csv", _PRETRAINING))
    if model is not None:
        uri = os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri("mlflow.db")
        add("Origins", lambda: f"<pre>{escape(lineage_tree(model, uri))}</pre>")
    subtitle = (
        f"{len(table)} cases, {datetime.now().astimezone():%Y-%m-%d %H:%M %Z}; swinx {__version__}, "
        f"MONAI {monai.__version__}, PyTorch {torch.__version__}. Not for clinical use."
    )
    page = render_page(title, subtitle, sections, VIEWER_SCRIPT)
    with write_whole(out) as partial:
        partial.write_text(page, encoding="utf-8", errors="backslashreplace")
    return faults


def _read_table(place: Path, label_set: LabelSet | None) -> pd.DataFrame:
    table = read_scores(place, label_set)
    if table.empty:
        raise DataListError(f"{place}: has no scored case")
    if doubled := sorted(set(table.index[table.index.duplicated()].astype(str))):
        raise DataListError(f"{place}: has {', '.join(doubled)} more than once; score the cases again")
    return table


def _scores(table: pd.DataFrame, path: Path, label_set: LabelSet) -> str:
    """Return the means, the protocol and the cases without scores, as far as they are recorded."""
    told = _told(path)
    records = _records(told)
    patients = {case: str(facts["patient"]) for case, facts in records.items() if facts.get("patient") is not None}
    referenced = _referenced(records)
    summary = summarise(table, patients, referenced, label_set=label_set)
    rows = [[row.name, *_cells(row.dsc), *_cells(row.nsd), row.dsc.cases] for row in summary.rows]
    headers = ["class", "DSC (%)", "95 % CI", "NSD (%)", "95 % CI", "cases"]
    plot = figure_as_html(
        draw_score_boxes(_referenced_only(table, path, label_set), label_set),
        "Box plots of DSC and NSD of each class over the cases",
    )
    try:
        explained = explain(summary, read_protocol(str(told.get("protocol"))), label_set)
    except ValueError:
        explained = [
            "No summary.json beside the scores: by which rule, and of which cases there are none, is not known."
        ]
    text = "".join(f"<p>{escape(line).replace('`', '')}</p>" for line in explained)
    bad = told.get("bad_cases", [])
    lines = "".join(f"<li>{escape(str(case['case']))}: {escape(str(case['reason']))}</li>" for case in bad)
    faults = f'<p class="fault">{len(bad)} cases with faults:</p><ul>{lines}</ul>' if bad else ""
    return html_table(headers, rows) + plot + text + faults


def _told(path: Path) -> dict[str, Any]:
    return read_object(path, finite=False) if path.is_file() else {}


def _referenced(records: Mapping[str, Mapping[str, Any]]) -> set[int] | None:
    """Return the classes of the references; None if they are not recorded."""
    known = [facts["reference"] for facts in records.values() if isinstance(facts.get("reference"), list)]
    return {label for labels in known for label in labels if isinstance(label, int)} if known else None


def _referenced_only(table: pd.DataFrame, path: Path, label_set: LabelSet) -> pd.DataFrame:
    """Return the scores without classes that no reference has, which are 1 by the challenge's protocol."""
    referenced = _referenced(_records(_told(path)))
    absent = [] if referenced is None else [label for label in label_set.foreground if label not in referenced]
    columns = [score_column(label_set.names[label], metric) for label in absent for metric in METRICS]
    return table.assign(**dict.fromkeys(columns, np.nan))


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


def _cost(path: Path) -> str:
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


def _curves(path: Path, groups: list[tuple[str, list[str]]]) -> str:
    history = read_table(path)
    figure = draw_curves(history, groups)
    if figure is None:
        raise DataListError(f"{path}: has none of the columns that the curves show")
    told = ", ".join(title for title, _ in groups)
    return f"<p>{len(history)} epochs.</p>" + figure_as_html(figure, f"Curves by epoch: {told}")

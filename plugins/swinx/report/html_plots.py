"""Plots of a report: scores by class, and curves of a training."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from swinx.figures import figure_as_png
from swinx.labels import FLARE23, LabelSet
from swinx.metrics import score_column

__all__ = ["draw_class_curves", "draw_curves", "draw_score_boxes", "figure_as_html", "jpeg_as_uri"]


def figure_as_html(figure: Figure, alt: str) -> str:
    """Return a figure as an embedded PNG.

    Args:
        figure: The figure; it has a canvas of its own.
        alt: What it shows, for those who do not see it.
    """
    data = base64.b64encode(figure_as_png(figure, dpi=110)).decode()
    return f'<figure class="plot"><img alt="{escape(alt, quote=True)}" src="data:image/png;base64,{data}"></figure>'


def jpeg_as_uri(data: bytes) -> str:
    """Return a JPEG as a data URI."""
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


_HEIGHT_IN = 2.6
_BOXES_IN_ROW = 30


def draw_score_boxes(table: pd.DataFrame, label_set: LabelSet = FLARE23) -> Figure:
    """Draw a box and the single cases for each class, DSC above NSD.

    Of more than thirty classes those without any score are left out, and the others are spread over several rows.

    Args:
        table: One row per case, columns as :func:`swinx.metrics.score_table` has them, in 0..1 or nan.
        label_set: The classes.
    """
    labels = list(label_set.foreground)
    if len(labels) > _BOXES_IN_ROW:
        scored = table.notna().any()
        labels = [label for label in labels if scored[score_column(label_set.names[label], "dsc")]] or labels[:1]
    count = -(-len(labels) // _BOXES_IN_ROW)
    ends = [len(labels) * part // count for part in range(count + 1)]
    rows = [labels[first:stop] for first, stop in pairwise(ends)]
    figure = Figure(figsize=(11, 6.6 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2 * len(rows), 1, sharex=len(rows) == 1)
    scatter = np.random.default_rng(0)
    for row, shown in enumerate(rows):
        _draw_boxes(panels[2 * row : 2 * row + 2], table, shown, label_set, scatter)
    return figure


def _draw_boxes(
    axes: Sequence[Axes],
    table: pd.DataFrame,
    labels: Sequence[int],
    label_set: LabelSet,
    scatter: np.random.Generator,
) -> None:
    names = [label_set.names[label] for label in labels]
    for panel, metric in zip(axes, ("dsc", "nsd"), strict=True):
        values = [100 * table[score_column(name, metric)].dropna().to_numpy() for name in names]
        boxes = panel.boxplot(values, widths=0.6, patch_artist=True, showfliers=False, medianprops={"color": "black"})
        drawn = zip(boxes["boxes"], labels, values, strict=True)
        for number, (box, label, scores) in enumerate(drawn, start=1):
            box.set_facecolor(label_set.colours[label])
            box.set_alpha(0.6)
            panel.plot(number + scatter.uniform(-0.15, 0.15, len(scores)), scores, ".", color="0.2", markersize=4)
            if not len(scores):
                panel.text(number, 50, "no reference", rotation=90, ha="center", va="center", color="0.5", fontsize=8)
        panel.set(ylim=(-2, 102), ylabel=f"{metric.upper()} (%)")
        panel.grid(axis="y", alpha=0.3)
    axes[0].tick_params(labelbottom=False)
    axes[-1].set_xticks(range(1, len(names) + 1), names, rotation=40, ha="right")


def draw_curves(history: pd.DataFrame, groups: Sequence[tuple[str, Sequence[str]]]) -> Figure | None:
    """Draw columns of a history by epoch, a panel for each group that has any.

    Args:
        history: A row per epoch, with a column ``epoch``.
        groups: Title of the panel, and the columns in it.

    Returns:
        The figure; None if no column is there.
    """
    present = [(title, [c for c in columns if c in history and history[c].notna().any()]) for title, columns in groups]
    present = [(title, columns) for title, columns in present if columns]
    if not present:
        return None
    figure = Figure(figsize=(11, _HEIGHT_IN * ((len(present) + 2) // 3)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots((len(present) + 2) // 3, min(3, len(present)), squeeze=False).ravel()
    for panel, (title, columns) in zip(panels, present, strict=False):
        for column in columns:
            known = history[["epoch", column]].dropna()
            panel.plot(known["epoch"], known[column], "." if len(known) == 1 else "-", label=column.replace("_", " "))
        panel.set(title=title, xlabel="epoch")
        panel.grid(alpha=0.3)
        if len(columns) > 1:
            panel.legend(fontsize=7)
    for panel in panels[len(present) :]:
        panel.set_visible(False)
    return figure


_CLASSES_IN_PANEL = 6


def draw_class_curves(scores: pd.DataFrame, label_set: LabelSet = FLARE23) -> Figure | None:
    """Draw the validation Dice of every class by epoch, a few classes in a panel and in their colours.

    Args:
        scores: A row per validation, with a column ``epoch`` and one for each class; empty where it is unknown.
        label_set: The classes.

    Returns:
        The figure; None if no class has a score.
    """
    known = [name for name in label_set.names[1:] if name in scores and scores[name].notna().any()]
    if not known:
        return None
    colours = {label_set.names[label]: label_set.colours[label] for label in label_set.foreground}
    groups = [known[start : start + _CLASSES_IN_PANEL] for start in range(0, len(known), _CLASSES_IN_PANEL)]
    rows = (len(groups) + 2) // 3
    figure = Figure(figsize=(11, 1.25 * _HEIGHT_IN * rows), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, min(3, len(groups)), squeeze=False, sharey=True).ravel()
    for panel, names in zip(panels, groups, strict=False):
        for name in names:
            found = scores[["epoch", name]].dropna()
            style = "." if len(found) == 1 else "-"
            panel.plot(found["epoch"], 100 * found[name], style, color=colours[name], label=name, linewidth=1.8)
        panel.set(xlabel="epoch", ylim=(-2, 102))
        panel.grid(alpha=0.3)
        panel.legend(fontsize=7, ncols=2)
    panels[0].set_ylabel("validation Dice (%)")
    for panel in panels[len(groups) :]:
        panel.set_visible(False)
    return figure

"""Figures of a report: scores by class, and curves of a training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from swinx.figures import CLASS_COLOURS
from swinx.labels import CLASS_NAMES, FlareLabel

__all__ = ["draw_curves", "draw_score_boxes"]

_HEIGHT_IN = 2.6


def draw_score_boxes(table: pd.DataFrame) -> Figure:
    """Draw a box and the single cases for each class, DSC above NSD.

    Args:
        table: One row per case, columns as :func:`swinx.metrics.score_table` has them, in 0..1 or nan.
    """
    figure = Figure(figsize=(11, 6.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 1, sharex=True)
    names = CLASS_NAMES[1:]
    scatter = np.random.default_rng(0)
    for panel, metric in zip(axes, ("dsc", "nsd"), strict=True):
        values = [100 * table[f"{name.replace(' ', '_')}_{metric}"].dropna().to_numpy() for name in names]
        boxes = panel.boxplot(values, widths=0.6, patch_artist=True, showfliers=False, medianprops={"color": "black"})
        for number, (box, scores) in enumerate(zip(boxes["boxes"], values, strict=True), start=1):
            box.set_facecolor(CLASS_COLOURS[FlareLabel(number)])
            box.set_alpha(0.6)
            panel.plot(number + scatter.uniform(-0.15, 0.15, len(scores)), scores, ".", color="0.2", markersize=4)
            if not len(scores):
                panel.text(number, 50, "no reference", rotation=90, ha="center", va="center", color="0.5", fontsize=8)
        panel.set(ylim=(-2, 102), ylabel=f"{metric.upper()} (%)")
        panel.grid(axis="y", alpha=0.3)
    axes[1].set_xticks(range(1, len(names) + 1), names, rotation=40, ha="right")
    return figure


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

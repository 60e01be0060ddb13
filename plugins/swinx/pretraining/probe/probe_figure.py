"""Draw a probe: recall of every class, trained against random weights."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from swinx.labels import CLASS_NAMES
from swinx.pretraining.probe.probe_comparison import ProbeComparison

__all__ = ["draw_probe"]

_TRAINED = "#1f5fa8"
_RANDOM = "#b9b9b9"
_BAR = 0.38


def draw_probe(found: ProbeComparison, title: str) -> Figure:
    """Draw two bars per class, and the mean over the classes above a line.

    Args:
        found: The probes.
        title: Headline.

    Returns:
        A figure with a canvas of its own; pyplot's state is not touched.
    """
    trained = [found.pretrained.balanced_accuracy, *found.pretrained.recall]
    random = [found.balanced_accuracy, *found.recall]
    names = ["balanced accuracy", *(CLASS_NAMES[label] for label in found.pretrained.classes)]
    places = np.array([0.0, *(1.4 + number for number in range(len(names) - 1))])
    height_in = 1.9 + 0.42 * len(names)
    figure = Figure(figsize=(9.0, height_in), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.25, 0.75 / height_in, 0.70, 1 - 1.75 / height_in))
    axes.barh(places - _BAR / 2, trained, height=_BAR, color=_TRAINED, label="pretrained")
    spread = [0.0 if math.isnan(one.sd) else one.sd for one in random]
    axes.barh(
        places + _BAR / 2,
        [one.mean for one in random],
        height=_BAR,
        color=_RANDOM,
        xerr=spread if any(spread) else None,
        error_kw={"elinewidth": 1.2, "capsize": 2.5, "ecolor": "0.25"},
        label=f"random weights, n = {len(found.random)}" + (" (mean ± SD)" if len(found.random) > 1 else ""),
    )
    for place, value in zip(places - _BAR / 2, trained, strict=True):
        inside = value > 0.9
        axes.text(
            value + (-0.01 if inside else 0.01),
            place,
            f"{value:.2f}",
            va="center",
            ha="right" if inside else "left",
            fontsize=9,
            color="white" if inside else _TRAINED,
        )
    axes.axvline(
        found.chance, color="black", linewidth=1, linestyle=(0, (4, 3)), zorder=0, label=f"chance ({found.chance:.2f})"
    )
    axes.axhline(0.7, color="0.6", linewidth=0.8)
    axes.set_yticks(places, names, fontsize=11)
    axes.get_yticklabels()[0].set_fontweight("bold")
    axes.set(xlim=(0, 1), ylim=(places[-1] + 0.6, -0.6))
    axes.set_xlabel("recall (share of a class's voxels told as that class)", fontsize=11)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right"]].set_visible(False)
    figure.text(0.02, 1 - 0.3 / height_in, title, fontsize=14, fontweight="bold", va="center")
    figure.legend(
        loc="center left",
        bbox_to_anchor=(0.02, 1 - 0.68 / height_in),
        ncols=3,
        frameon=False,
        fontsize=10.5,
        borderaxespad=0,
        columnspacing=1.8,
    )
    return figure

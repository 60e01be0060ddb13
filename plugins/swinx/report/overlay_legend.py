"""Legend of a picture: the classes that occur in it, with their Dice, in as many columns as it takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from swinx.labels import FLARE23, LabelSet

__all__ = ["Legend", "count_voxels", "draw_legend", "make_legend"]

_COLUMN_IN = 2.7
_FITTING = 26  # characters of a line in a column of that width
_SIZES_PT = (11, 8)  # of one column, and of several
_LINE = 1.72  # height of a line, in sizes of its letters
_LETTER = 0.6  # width of a letter, likewise
_MOST_COLUMNS = 3
_POINTS_PER_IN = 72


@dataclass(frozen=True)
class Legend:
    """Lines of a legend and their layout.

    Attributes:
        lines: Colour and text of each line; no colour for a line that is of no class.
        columns: Number of columns.
        size_pt: Size of the letters.
        width_in: Width of all columns.
        title: Headline; None for none.
    """

    lines: tuple[tuple[str | None, str], ...]
    columns: int
    size_pt: int
    width_in: float
    title: str | None


def count_voxels(maps: Sequence[npt.NDArray[np.integer]], label_set: LabelSet = FLARE23) -> npt.NDArray[np.int64]:
    """Return the number of voxels of each class in all of some label maps, ``(classes,)``."""
    voxels = np.zeros(label_set.num_classes, dtype=np.int64)
    for labels in maps:
        for index in range(labels.shape[-1]):  # slice by slice: counting takes 8 bytes a voxel
            voxels += np.bincount(labels[..., index].ravel(), minlength=label_set.num_classes)
    return voxels


def make_legend(
    labels: Sequence[npt.NDArray[np.integer]],
    scores: Mapping[str, float],
    height_in: float,
    label_set: LabelSet = FLARE23,
) -> Legend:
    """Return the legend of some label maps.

    Classes stand in class order. Where three columns are too few, those with most voxels stand first, and the last line
    counts the others.

    Args:
        labels: Class ids; the classes that occur in any of the maps are listed.
        scores: Class name to Dice; empty if there is none.
        height_in: Height to fill, in inches.
        label_set: The classes.
    """
    voxels = count_voxels(labels, label_set)
    present = [label for label in label_set.foreground if voxels[label]]
    mean = _mean_line(scores, label_set) if present else []
    title = "Dice" if scores else None
    heads = 2 if title else 0
    large, small = (max(2, int(height_in * _POINTS_PER_IN / (size * _LINE)) - heads) for size in _SIZES_PT)
    columns, size_pt = 1, _SIZES_PT[0]
    rest = 0
    if len(present) + len(mean) > large:
        columns, size_pt = min(_MOST_COLUMNS, math.ceil((len(present) + len(mean)) / small)), _SIZES_PT[1]
        if (room := columns * small - len(mean)) < len(present):
            present.sort(key=lambda label: -voxels[label])
            rest = len(present) - (room - 1)
            present = present[: room - 1]
    lines: list[tuple[str | None, str]] = [
        (label_set.colours[label], _line(label_set.names[label], scores)) for label in present
    ]
    lines += [(None, f"and {rest} smaller classes")] if rest else []
    lines += [(None, text) for text in mean]
    longest = max([0, *(len(text) for _, text in lines)])
    width_in = _COLUMN_IN
    if columns > 1 or longest > _FITTING:
        width_in = (longest * _LETTER + 4) * size_pt / _POINTS_PER_IN
    return Legend(tuple(lines), columns, size_pt, max(_COLUMN_IN, columns * width_in), title)


def draw_legend(figure: Figure, corner: tuple[float, float], legend: Legend) -> None:
    """Draw a legend, its upper left corner at a place in shares of the page; nothing if it has no line."""
    if not legend.lines:
        return
    figure.legend(
        [
            Patch(alpha=0) if colour is None else Patch(facecolor=colour, edgecolor="0.3", linewidth=0.5)
            for colour, _ in legend.lines
        ],
        [text for _, text in legend.lines],
        loc="upper left",
        bbox_to_anchor=corner,
        frameon=False,
        fontsize=legend.size_pt,
        title=legend.title,
        title_fontsize=_SIZES_PT[0],
        alignment="left",
        borderaxespad=0,
        handlelength=1.3,
        handleheight=1.1,
        labelspacing=0.55,
        ncols=legend.columns,
    )


def _line(name: str, scores: Mapping[str, float]) -> str:
    score = scores.get(name, math.nan)
    return name if math.isnan(score) else f"{score:.2f}  {name}"


def _mean_line(scores: Mapping[str, float], label_set: LabelSet) -> list[str]:
    """Return the mean over the organs, or over all classes of a set without lesions; none over a single class."""
    names = [label_set.names[label] for label in label_set.organs]
    defined = [score for name in names if not math.isnan(score := scores.get(name, math.nan))]
    if not defined or len(names) < 2:
        return []
    noun = "organs" if label_set.lesions else "classes"
    return [f"{sum(defined) / len(defined):.2f}  mean of {len(defined)} {noun}"]

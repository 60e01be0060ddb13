"""Figure of a case: a row of panels for each view, and a legend of the classes that occur, with their Dice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from swinx.figures import VIEWS, View, colour_table, cut, draw_orientation, draw_scale_bar, plane_size_mm
from swinx.labels import FLARE23, LabelSet

__all__ = ["CaseView", "Legend", "count_voxels", "draw_case", "draw_legend", "make_legend"]


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


_PANEL_WIDTH_IN = 3.4
_EDGE_IN = 0.5
_TITLE_IN = 0.75
_GAP_IN = 0.08
_FILL_OPACITY = 0.38
_OUTLINE_PT = 1.1


@dataclass(frozen=True)
class CaseView:
    """Volumes of a picture, in canonical (RAS) orientation and cropped.

    Attributes:
        image: CT in HU, shape ``(X, Y, Z)``.
        labels: Panel title to class ids of the same shape; one column of panels each.
        spacing_mm: Voxel size in mm.
        slices: Index along x, y and z of the slices to show.
        positions_mm: World coordinate of these slices along right, front and head.
    """

    image: npt.NDArray[Any]
    labels: Mapping[str, npt.NDArray[np.integer]]
    spacing_mm: tuple[float, float, float]
    slices: tuple[int, int, int]
    positions_mm: tuple[float, float, float]


def draw_case(
    case: CaseView,
    title: str,
    window_hu: tuple[float, float],
    scores: Mapping[str, float],
    label_set: LabelSet = FLARE23,
) -> Figure:
    """Draw axial, coronal and sagittal rows: the CT, then each label map over it.

    Args:
        case: What to show.
        title: Headline.
        window_hu: Lowest and highest HU of the grey scale.
        scores: Class name to Dice, for the legend; empty if there is none.
        label_set: The classes.

    Returns:
        A figure with a canvas of its own; pyplot's state is not touched.
    """
    sizes_mm = [plane_size_mm(case.image.shape, case.spacing_mm, view) for view in VIEWS]
    inches_per_mm = _PANEL_WIDTH_IN / max(width for width, _ in sizes_mm)
    heights_in = [height * inches_per_mm for _, height in sizes_mm]
    columns = ["CT", *case.labels]
    height_in = max(_TITLE_IN + sum(heights_in) + len(heights_in) * _GAP_IN, _TITLE_IN + 5.5) + _GAP_IN
    legend = make_legend(list(case.labels.values()), scores, height_in - _TITLE_IN, label_set)
    width_in = _EDGE_IN + len(columns) * (_PANEL_WIDTH_IN + _GAP_IN) + legend.width_in
    figure = Figure(figsize=(width_in, height_in), facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(_EDGE_IN / width_in, 1 - 0.28 / height_in, title, fontsize=15, fontweight="bold", va="center")
    top_in = height_in - _TITLE_IN
    for view, (plane_width_mm, _), row_in in zip(VIEWS, sizes_mm, heights_in, strict=True):
        panel_in = plane_width_mm * inches_per_mm
        for column, name in enumerate(columns):
            left_in = _EDGE_IN + column * (_PANEL_WIDTH_IN + _GAP_IN) + (_PANEL_WIDTH_IN - panel_in) / 2
            box = (left_in / width_in, (top_in - row_in) / height_in, panel_in / width_in, row_in / height_in)
            axes = figure.add_axes(box)
            _draw_panel(axes, case, view, case.labels.get(name), window_hu, label_set)
            if view is VIEWS[0]:
                axes.set_title(name, fontsize=12, pad=6)
        label = f"{view.name}\n{'xyz'[view.axis]} = {case.positions_mm[view.axis]:.0f} mm"
        figure.text(
            0.26 / width_in,
            (top_in - row_in / 2) / height_in,
            label,
            fontsize=10,
            rotation=90,
            va="center",
            ha="center",
        )
        top_in -= row_in + _GAP_IN
    draw_legend(figure, (1 - (legend.width_in - 0.1) / width_in, 1 - _TITLE_IN / height_in), legend)
    return figure


def _draw_panel(
    axes: Axes,
    case: CaseView,
    view: View,
    labels: npt.NDArray[np.integer] | None,
    window_hu: tuple[float, float],
    label_set: LabelSet,
) -> None:
    index = case.slices[view.axis]
    width_mm, height_mm = plane_size_mm(case.image.shape, case.spacing_mm, view)
    extent = (0.0, width_mm, 0.0, height_mm)
    low, high = window_hu
    grey = cut(case.image, view, index)
    axes.imshow(grey, cmap="gray", vmin=low, vmax=high, origin="lower", extent=extent, interpolation="bilinear")
    if labels is not None:
        plane = cut(labels, view, index)
        fill = colour_table(_FILL_OPACITY, label_set)[plane]
        axes.imshow(fill, origin="lower", extent=extent, interpolation="nearest")
        _draw_outlines(axes, plane, width_mm, height_mm, label_set)
    axes.set(xlim=(0, width_mm), ylim=(0, height_mm), xticks=[], yticks=[], facecolor="black")
    axes.spines[:].set_visible(False)
    draw_orientation(axes, view)
    if labels is None:
        draw_scale_bar(axes, width_mm, height_mm)


def _draw_outlines(
    axes: Axes, plane: npt.NDArray[np.integer], width_mm: float, height_mm: float, label_set: LabelSet
) -> None:
    # Padded by a pixel, so that an organ cut off by the border of the picture is outlined there as well.
    padded = np.pad(plane, 1)
    rows, columns = plane.shape
    x = (np.arange(-1, columns + 1) + 0.5) * width_mm / columns
    y = (np.arange(-1, rows + 1) + 0.5) * height_mm / rows
    for label in np.unique(plane[plane > 0]):
        colour = label_set.colours[int(label)]
        axes.contour(x, y, padded == label, levels=[0.5], colors=[colour], linewidths=_OUTLINE_PT)

"""Figure of a case: a row of panels for each view, and a legend."""

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
from scipy import ndimage

from swinx.figures import CLASS_COLOURS, VIEWS, View, colour_table, cut, draw_orientation, draw_scale_bar, plane_size_mm
from swinx.labels import CLASS_NAMES, ORGANS, FlareLabel

__all__ = ["CaseView", "draw_case"]

_PANEL_WIDTH_IN = 3.4
_LEGEND_WIDTH_IN = 2.7
_EDGE_IN = 0.5
_TITLE_IN = 0.75
_GAP_IN = 0.08
_FILL_OPACITY = 0.38
_OUTLINE_PT = 1.1
_ORGAN_NAMES = tuple(CLASS_NAMES[organ] for organ in ORGANS)


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


def draw_case(case: CaseView, title: str, window_hu: tuple[float, float], scores: Mapping[str, float]) -> Figure:
    """Draw axial, coronal and sagittal rows: the CT, then each label map over it.

    Args:
        case: What to show.
        title: Headline.
        window_hu: Lowest and highest HU of the grey scale.
        scores: Class name to Dice, for the legend; empty if there is none.

    Returns:
        A figure with a canvas of its own; pyplot's state is not touched.
    """
    sizes_mm = [plane_size_mm(case.image.shape, case.spacing_mm, view) for view in VIEWS]
    inches_per_mm = _PANEL_WIDTH_IN / max(width for width, _ in sizes_mm)
    heights_in = [height * inches_per_mm for _, height in sizes_mm]
    columns = ["CT", *case.labels]
    width_in = _EDGE_IN + len(columns) * (_PANEL_WIDTH_IN + _GAP_IN) + _LEGEND_WIDTH_IN
    height_in = max(_TITLE_IN + sum(heights_in) + len(heights_in) * _GAP_IN, _TITLE_IN + 5.5) + _GAP_IN
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
            _draw_panel(axes, case, view, case.labels.get(name), window_hu)
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
    legend_left = 1 - (_LEGEND_WIDTH_IN - 0.1) / width_in
    _draw_legend(figure, (legend_left, 1 - _TITLE_IN / height_in), list(case.labels.values()), scores)
    return figure


def _draw_panel(
    axes: Axes, case: CaseView, view: View, labels: npt.NDArray[np.integer] | None, window_hu: tuple[float, float]
) -> None:
    index = case.slices[view.axis]
    width_mm, height_mm = plane_size_mm(case.image.shape, case.spacing_mm, view)
    extent = (0.0, width_mm, 0.0, height_mm)
    low, high = window_hu
    grey = cut(case.image, view, index)
    axes.imshow(grey, cmap="gray", vmin=low, vmax=high, origin="lower", extent=extent, interpolation="bilinear")
    if labels is not None:
        plane = cut(labels, view, index)
        fill = colour_table(_FILL_OPACITY)[plane]
        axes.imshow(fill, origin="lower", extent=extent, interpolation="nearest")
        _draw_outlines(axes, plane, width_mm, height_mm)
    axes.set(xlim=(0, width_mm), ylim=(0, height_mm), xticks=[], yticks=[], facecolor="black")
    axes.spines[:].set_visible(False)
    draw_orientation(axes, view)
    if labels is None:
        draw_scale_bar(axes, width_mm, height_mm)


def _draw_outlines(axes: Axes, plane: npt.NDArray[np.integer], width_mm: float, height_mm: float) -> None:
    # Padded by a pixel, so that an organ cut off by the border of the picture is outlined there as well.
    padded = np.pad(plane, 1)
    rows, columns = plane.shape
    x = (np.arange(-1, columns + 1) + 0.5) * width_mm / columns
    y = (np.arange(-1, rows + 1) + 0.5) * height_mm / rows
    for label in np.unique(plane[plane > 0]):
        colour = CLASS_COLOURS[FlareLabel(int(label))]
        axes.contour(x, y, padded == label, levels=[0.5], colors=[colour], linewidths=_OUTLINE_PT)


def _draw_legend(
    figure: Figure,
    corner: tuple[float, float],
    labels: Sequence[npt.NDArray[np.integer]],
    scores: Mapping[str, float],
) -> None:
    found = [ndimage.find_objects(array) for array in labels]
    present = sorted({label for boxes in found for label, box in enumerate(boxes, start=1) if box is not None})
    if not present:
        return
    handles = [Patch(facecolor=CLASS_COLOURS[FlareLabel(label)], edgecolor="0.3", linewidth=0.5) for label in present]
    texts = []
    for label in present:
        name = CLASS_NAMES[label]
        score = scores.get(name, math.nan)
        texts.append(name if math.isnan(score) else f"{score:.2f}  {name}")
    if any(not math.isnan(scores.get(name, math.nan)) for name in _ORGAN_NAMES):
        handles.append(Patch(alpha=0))
        texts.append(_organ_mean(scores))
    figure.legend(
        handles,
        texts,
        loc="upper left",
        bbox_to_anchor=corner,
        frameon=False,
        fontsize=11,
        title="Dice" if scores else None,
        title_fontsize=11,
        alignment="left",
        borderaxespad=0,
        handlelength=1.3,
        handleheight=1.1,
        labelspacing=0.55,
    )


def _organ_mean(scores: Mapping[str, float]) -> str:
    defined = [score for name in _ORGAN_NAMES if not math.isnan(score := scores.get(name, math.nan))]
    return f"{sum(defined) / len(defined):.2f}  mean of {len(defined)} organs"

"""Panels of the pictures of masked reconstructions: what is hidden, filled in, and missed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

__all__ = ["COLUMNS", "HIDDEN_COLOUR", "draw_plane", "new_figure", "write_row_name"]

COLUMNS = ("Masked input", "Reconstruction", "Original", "|Difference|")
"""Titles of the columns, in order."""

HIDDEN_COLOUR = "#3f6f94"
"""Colour of hidden blocks: blue, so that they are neither air nor tissue."""


def draw_plane(
    axes: Axes,
    column: str,
    scan: npt.NDArray[Any],
    output: npt.NDArray[Any],
    hidden: npt.NDArray[np.bool_],
    size: tuple[float, float],
    window: tuple[float, float],
) -> AxesImage:
    """Draw a slice as one of :data:`COLUMNS`.

    The reconstruction shows the network's output in hidden voxels only: elsewhere, where the network was never
    trained to put out anything, it shows the scan, and the difference is 0.

    Args:
        axes: Where to draw.
        column: Which of the columns.
        scan: Slice of the original, rows from the bottom to the top.
        output: The same slice of the network's output.
        hidden: True where a voxel was hidden.
        size: Width and height of the panel in data units.
        window: Values of black and white; the scale of differences ends at half its width.

    Returns:
        The image of the values, for a colour bar.
    """
    low, high = window
    place: dict[str, Any] = {"origin": "lower", "extent": (0.0, size[0], 0.0, size[1]), "interpolation": "nearest"}
    filled = np.where(hidden, output, scan).astype(np.float32)
    if column == "|Difference|":
        image = axes.imshow(np.abs(filled - scan), cmap="inferno", vmin=0, vmax=(high - low) / 2, **place)
    else:
        image = axes.imshow(filled if column == "Reconstruction" else scan, cmap="gray", vmin=low, vmax=high, **place)
    if column == "Masked input":
        colours = np.array([(0.0, 0.0, 0.0, 0.0), to_rgba(HIDDEN_COLOUR)])
        axes.imshow(colours[hidden.astype(np.intp)], **place)
    axes.set(xlim=(0, size[0]), ylim=(0, size[1]), xticks=[], yticks=[], facecolor="black")
    axes.spines[:].set_visible(False)
    return image


def new_figure(width_in: float, height_in: float, title: str, left_in: float) -> Figure:
    """Return a figure with a headline and a canvas of its own; pyplot's state is not touched.

    Args:
        width_in: Width of the page in inches.
        height_in: Height of the page.
        title: Headline.
        left_in: Where the headline begins.
    """
    figure = Figure(figsize=(width_in, height_in), facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(left_in / width_in, 1 - 0.28 / height_in, title, fontsize=15, fontweight="bold", va="center")
    return figure


def write_row_name(figure: Figure, x_in: float, y_in: float, text: str) -> None:
    """Write the name of a row upright, centred at a place in inches from the lower left corner."""
    width_in, height_in = figure.get_size_inches()
    figure.text(x_in / width_in, y_in / height_in, text, fontsize=10, rotation=90, va="center", ha="center")

"""Marks on a slice: orientation and scale bar."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from swinx.figures.slices import View

__all__ = ["ON_IMAGE", "draw_orientation", "draw_scale_bar"]

ON_IMAGE: dict[str, Any] = {"color": "white", "path_effects": [withStroke(linewidth=2, foreground="black")]}
"""Text and lines that can be read on black and on white."""

_SCALE_BAR_MM = 50


def draw_orientation(axes: Axes, view: View, fontsize: float = 10) -> None:
    """Write the direction at each edge of a panel: R, L, A, P, S or I."""
    for x, y, text in (
        (0.02, 0.5, view.left),
        (0.98, 0.5, view.right),
        (0.5, 0.02, view.bottom),
        (0.5, 0.98, view.top),
    ):
        ha = {0.02: "left", 0.98: "right"}.get(x, "center")
        va = {0.02: "bottom", 0.98: "top"}.get(y, "center")
        axes.text(x, y, text, transform=axes.transAxes, ha=ha, va=va, fontsize=fontsize, **ON_IMAGE)


def draw_scale_bar(axes: Axes, width_mm: float, height_mm: float) -> None:
    """Draw a bar of 5 cm into a panel whose data units are mm; nothing if the panel is narrower than 10 cm."""
    if width_mm < 2 * _SCALE_BAR_MM:
        return
    x, y = 0.04 * width_mm, 0.04 * height_mm
    axes.plot([x, x + _SCALE_BAR_MM], [y, y], linewidth=2.5, solid_capstyle="butt", **ON_IMAGE)
    axes.text(x, y + 0.015 * width_mm, f"{_SCALE_BAR_MM // 10} cm", va="bottom", fontsize=9, **ON_IMAGE)

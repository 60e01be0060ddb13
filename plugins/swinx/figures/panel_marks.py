"""Marks on a slice: orientation and scale bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swinx.figures.slices import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_orientation", "draw_scale_bar"]

_SCALE_BAR_MM = 50


def _on_image() -> dict[str, Any]:
    """Return the style of text and lines that can be read on black and on white."""
    from matplotlib.patheffects import withStroke

    return {"color": "white", "path_effects": [withStroke(linewidth=2, foreground="black")]}


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
        axes.text(x, y, text, transform=axes.transAxes, ha=ha, va=va, fontsize=fontsize, **_on_image())


def draw_scale_bar(axes: Axes, width_mm: float, height_mm: float) -> None:
    """Draw a bar of 5 cm into a panel whose data units are mm; nothing if the panel is narrower than 10 cm."""
    if width_mm < 2 * _SCALE_BAR_MM:
        return
    x, y = 0.04 * width_mm, 0.04 * height_mm
    axes.plot([x, x + _SCALE_BAR_MM], [y, y], linewidth=2.5, solid_capstyle="butt", **_on_image())
    axes.text(x, y + 0.015 * width_mm, f"{_SCALE_BAR_MM // 10} cm", va="bottom", fontsize=9, **_on_image())

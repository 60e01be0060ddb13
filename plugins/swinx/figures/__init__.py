"""Slices, colours and panels of all pictures."""

from __future__ import annotations

from swinx.figures.colours import colour_table
from swinx.figures.figure_files import figure_as_png, write_figure
from swinx.figures.panel_marks import draw_orientation, draw_scale_bar
from swinx.figures.slices import VIEWS, Box, View, choose_slices, crop_to_labels, cut, plane_size_mm, to_canonical

__all__ = [
    "VIEWS",
    "Box",
    "View",
    "choose_slices",
    "colour_table",
    "crop_to_labels",
    "cut",
    "draw_orientation",
    "draw_scale_bar",
    "figure_as_png",
    "plane_size_mm",
    "to_canonical",
    "write_figure",
]

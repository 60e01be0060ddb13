"""Figures as files: every picture is written in one place, and the text of a name is text."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread

import swinx
from swinx.figures import figure_as_png, write_figure
from swinx.report import write_overlay

ODD = ["$x$", "$\\frac{$", "a $ b", "cost_$1_$2", "a_b^c", "\\alpha", "a\x00b\x1b", "a\udcff", "<b>", "", "症例"]


def figure_of(text: str) -> Figure:
    figure = Figure(figsize=(2, 1))
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([0, 1], label=text)
    axes.set_title(text)
    axes.legend()
    figure.suptitle(text)
    return figure


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("name", ODD)
def test_a_name_of_any_characters_is_drawn(tmp_path, name):
    write_figure(figure_of(name), tmp_path / "a.png", dpi=50)
    assert imread(tmp_path / "a.png").shape[:2] == (50, 100)


def test_a_dollar_sign_is_drawn_as_one():
    assert not np.array_equal(picture("$x$"), picture("x")), "mathematics would be drawn without the signs"


def picture(text: str) -> np.ndarray:
    return imread(io.BytesIO(figure_as_png(figure_of(text), dpi=80)))


def test_a_case_with_dollar_signs_has_its_overlay(tmp_path):
    image = np.random.default_rng(0).integers(-200, 200, (12, 12, 6)).astype(np.int16)
    labels = np.zeros(image.shape, np.uint8)
    labels[3:8, 3:8, 2:4] = 1
    write_overlay(image, labels, labels, np.diag([4.0, 4, 8, 1]), tmp_path / "a.png", case="$\\frac{$", dpi=40)
    assert (tmp_path / "a.png").is_file()


def test_no_other_module_saves_a_figure():
    for path in Path(swinx.__file__).parent.rglob("*.py"):
        calls = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert "savefig" not in calls or path.name == "figure_files.py", path

"""Figures as PNG, with ``$`` in the name of a case as a plain character."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from swinx.files import write_atomic
from swinx.visible_text import visible_lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figure_as_png", "write_figure"]


def write_figure(figure: Figure, path: str | os.PathLike[str], dpi: int) -> None:
    """Write a figure as PNG, atomically; see :func:`figure_as_png`.

    Raises:
        OSError: As :func:`swinx.files.write_atomic` does.
    """
    content = figure_as_png(figure, dpi)
    with write_atomic(path, suffix=".png") as partial:
        partial.write_bytes(content)


def figure_as_png(figure: Figure, dpi: int) -> bytes:
    """Return a figure as PNG.

    No text is read as mathematics, as matplotlib reads what stands between two ``$``, and control characters are
    escaped.

    Args:
        figure: The figure; it has a canvas of its own.
        dpi: Pixels per inch.
    """
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        if isinstance(text, Text):
            text.set_parse_math(False)
            text.set_text(visible_lines(text.get_text()))
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=dpi, format="png")
    return buffer.getvalue()

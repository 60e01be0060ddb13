"""Self-contained HTML page out of the files in ``page``, with its tables and data."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

__all__ = ["Cell", "html_list", "html_table", "json_data", "page_file", "render_page", "viewer_library"]

_STYLES = ("page.css",)
_SCRIPTS = ("tables.js", "panes.js", "viewer.js")


class Cell:
    """Cell of a table that has more than text.

    Args:
        text: The text; None is a dash.
        value: Number by which the table sorts, where the text is no number; nan for nothing.
        opens: Number of the case that a click opens in the viewer; None if it opens none.
        is_text: Align to the left and wrap.
    """

    def __init__(
        self, text: object, value: float | None = None, opens: int | None = None, is_text: bool = False
    ) -> None:
        self.text = text
        self.value = value
        self.opens = opens
        self.is_text = is_text

    def html(self) -> str:
        """Return the cell as HTML."""
        text = "–" if self.text is None else escape(str(self.text))  # noqa: RUF001
        if self.opens is not None:
            text = f'<button type="button" class="opens" data-open-case="{self.opens}">{text}</button>'
        sorts = ' data-value=""' if self.text is None else ""
        if self.value is not None:
            sorts = f' data-value="{self.value:.6g}"' if self.value == self.value else ' data-value=""'
        kind = ' class="text"' if self.is_text else ""
        return f"<td{sorts}{kind}>{text}</td>"


def page_file(name: str) -> str:
    """Return the text of a file in ``page``."""
    return (files("swinx.report") / "page" / name).read_text(encoding="utf-8")


def render_page(title: str, subtitle: str, sections: Sequence[tuple[str, str]], data: str = "") -> str:
    """Return a complete page.

    Args:
        title: Headline, as text.
        subtitle: A line below it, as text.
        sections: Headings as text, with their content as HTML.
        data: Scripts that hold data, of :func:`json_data` and :func:`viewer_library`.
    """
    numbered = list(enumerate(sections))
    return Template(page_file("page.html")).substitute(
        title=escape(title),
        subtitle=escape(subtitle),
        links="".join(f'<a href="#part{n}">{escape(name)}</a>' for n, (name, _) in numbered),
        sections="\n".join(
            f'<section id="part{n}"><h2>{escape(name)}</h2>{body}</section>' for n, (name, body) in numbered
        ),
        data=data,
        style="".join(map(page_file, _STYLES)),
        script="".join(map(page_file, _SCRIPTS)),
    )


def html_table(headers: Sequence[str], rows: Sequence[Sequence[object]], sorts: bool = False) -> str:
    """Return a table; cells are text or :class:`Cell`, and None is a dash.

    Args:
        headers: Headers of the columns.
        rows: Cells.
        sorts: Let a click on a header sort the rows.

    Examples:
        >>> "<td>&lt;b&gt;</td>" in html_table(["a"], [["<b>"]])
        True
    """
    head = "".join(f"<th>{escape(str(name))}</th>" for name in headers)
    lines = "".join(
        "<tr>" + "".join((cell if isinstance(cell, Cell) else Cell(cell)).html() for cell in row) + "</tr>\n"
        for row in rows
    )
    kind = ' class="sorts"' if sorts else ""
    return f'<div class="wide"><table{kind}><thead><tr>{head}</tr></thead><tbody>\n{lines}</tbody></table></div>'


def html_list(lines: Sequence[str]) -> str:
    """Return a list of lines of text."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def json_data(content: object, attributes: Mapping[str, str]) -> str:
    """Return data for scripts of the page; no text in it can end the element.

    Examples:
        >>> "</script><b>" in json_data("</script><b>", {"id": "x"})
        False
    """
    text = json.dumps(content, allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    told = "".join(f' {name}="{escape(value, quote=True)}"' for name, value in attributes.items())
    return f'<script type="application/json"{told}>{text}</script>\n'


def viewer_library() -> str:
    """Return NiiVue, a third-party library, compressed, and its licences in a part of the page that opens."""
    packed: Any = gzip.compress(page_file("niivue.umd.js").encode(), 9, mtime=0)
    library = f'<script type="text/plain" id="niivue">{base64.b64encode(packed).decode()}</script>\n'
    licences = escape(page_file("niivue_licences.txt"))
    return f"<details><summary>Licences of the viewer</summary><pre>{licences}</pre></details>\n{library}"

"""Self-contained HTML page: inline styles, embedded pictures, a few lines of script."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from matplotlib.figure import Figure

from swinx.figures import figure_as_png

__all__ = ["figure_as_html", "html_table", "jpeg_as_uri", "render_page"]

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid var(--line); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .8rem 0; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; } thead th { background: var(--soft); }
.wide { overflow-x: auto; } img { max-width: 100%; } figure { margin: 1rem 0; }
figure.plot img { background: white; border-radius: 6px; }
.viewer { background: #000; color: #eee; border-radius: 6px; padding: .8rem; }
.viewer img { display: block; margin: 0 auto; width: 100%; image-rendering: auto; }
.viewer input { width: 100%; } .viewer .heads { display: flex; text-align: center; } .viewer .heads span { flex: 1; }
.legend span { display: inline-block; margin-right: 1rem; white-space: nowrap; }
.legend i { display: inline-block; width: .9em; height: .9em; margin-right: .35em; vertical-align: -.1em; }
pre { overflow-x: auto; background: var(--soft); padding: .7rem; border-radius: 6px; }
.fault { color: #c22; } nav a { margin-right: 1rem; }
@media print { body { max-width: none; } .viewer input { display: none; } }
"""


def render_page(title: str, subtitle: str, sections: Sequence[tuple[str, str]], script: str = "") -> str:
    """Return a complete page.

    Args:
        title: Headline, as text.
        subtitle: A line below it, as text.
        sections: Headings as text, with their content as HTML.
        script: JavaScript that runs when the page is there.
    """
    links = "".join(f'<a href="#part{n}">{escape(name)}</a>' for n, (name, _) in enumerate(sections))
    parts = "".join(
        f'<section id="part{n}"><h2>{escape(h)}</h2>{body}</section>' for n, (h, body) in enumerate(sections)
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{escape(title)}</h1><p>{escape(subtitle)}</p><nav>{links}</nav>{parts}"
        f"<script>{script}</script></body></html>\n"
    )


def html_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table; all cells are text, and None is a dash.

    Examples:
        >>> "<td>&lt;b&gt;</td>" in html_table(["a"], [["<b>"]])
        True
    """
    head = "".join(f"<th>{escape(str(name))}</th>" for name in headers)
    body = "".join(
        "<tr>" + "".join(f"<td>{'–' if cell is None else escape(str(cell))}</td>" for cell in row) + "</tr>"  # noqa: RUF001
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def figure_as_html(figure: Figure, alt: str) -> str:
    """Return a figure as an embedded PNG.

    Args:
        figure: The figure; it has a canvas of its own.
        alt: What it shows, for those who do not see it.
    """
    data = base64.b64encode(figure_as_png(figure, dpi=110)).decode()
    return f'<figure class="plot"><img alt="{escape(alt, quote=True)}" src="data:image/png;base64,{data}"></figure>'


def jpeg_as_uri(data: bytes) -> str:
    """Return a JPEG as a data URI."""
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"

"""Text of others, such as file names, made safe for a log, a terminal and a page."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

__all__ = ["VisibleFormatter", "first_of", "guard_log_handlers", "visible", "visible_lines"]

_BIDIRECTIONAL = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_HIDDEN = re.compile(rf"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_BIDIRECTIONAL}]")
_HIDDEN_IN_LINES = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_BIDIRECTIONAL}]")


def visible(text: object) -> str:
    r"""Return text on one line: control characters, line breaks, marks of direction and surrogates are escaped.

    Examples:
        >>> visible("a\nb\x1b[31m")
        'a\\nb\\x1b[31m'
    """
    return _HIDDEN.sub(_escaped, str(text))


def first_of(texts: Iterable[object], most: int = 10, separator: str = ", ") -> str:
    """Return the first of several texts on one line, and how many more there are.

    Examples:
        >>> first_of("abcd", most=3)
        'a, b, c and 1 more'
    """
    found = list(texts)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return separator.join(map(visible, found[:most])) + more


def visible_lines(text: object, indent: str = "") -> str:
    r"""Return text of several lines, other control characters escaped and all lines but the first indented.

    Examples:
        >>> visible_lines("saved a\n2026-01-01 ERROR forged", indent="  ")
        'saved a\n  2026-01-01 ERROR forged'
    """
    return _HIDDEN_IN_LINES.sub(_escaped, str(text)).replace("\n", f"\n{indent}")


class VisibleFormatter(logging.Formatter):
    """Formatter of a log in which no message can pass for two: further lines of a message are indented.

    Args:
        inner: Formatter of the record.
    """

    def __init__(self, inner: logging.Formatter | None = None) -> None:
        super().__init__()
        self.inner = logging.Formatter() if inner is None else inner

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        return visible_lines(self.inner.format(record), indent="    ")


def guard_log_handlers(logger: logging.Logger | None = None) -> None:
    """Give every handler of a logger a :class:`VisibleFormatter`; by default of the root logger."""
    for handler in (logging.getLogger() if logger is None else logger).handlers:
        if not isinstance(handler.formatter, VisibleFormatter):
            handler.setFormatter(VisibleFormatter(handler.formatter))


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return (
        character.encode("unicode_escape").decode() if not "\ud800" <= character <= "\udfff" else ascii(character)[1:-1]
    )

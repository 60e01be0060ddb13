"""Texts of the command line, before Fire made values of them.

Symptom: Fire, which reads the command line for MONAI, takes ``2024`` for a number, ``1.10`` for 1.1, ``Smith,Anna`` for
two texts and leaves out what follows ``#``; no setting can say that it is a text.
Report: https://github.com/google/python-fire/issues/453
Can go: when MONAI reads its command line with kinds, or Fire takes the kind of an argument from its annotation.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from typing import Any

__all__ = ["raw_text", "unquoted"]


def raw_text(name: str, value: Any, words: Sequence[str] | None = None) -> str | None:
    """Return the text that stands on the command line for a setting.

    Args:
        name: Of the setting.
        value: As Fire has read it; a text that gives another value is of another command and is not returned.
        words: The words of the command line; by default those of this process.

    Returns:
        The text, or None if it is not there.

    Examples:
        >>> raw_text("dataset_dir", 100000.0, ["run", "training", "--dataset_dir", "1e5"])
        '1e5'
        >>> raw_text("dataset_dir", ("Smith", "Anna"), ["run", "--dataset-dir=Smith,Anna"])
        'Smith,Anna'
        >>> raw_text("dataset_dir", "data", ["run", "--dataset_dir", "'data'"])
        'data'
    """
    found = None
    line = list(sys.argv[1:] if words is None else words)
    for word, following in zip(line, [*line, ""][1:], strict=True):
        option, separator, text = word.partition("=")
        if option.startswith("--") and option[2:].replace("-", "_") == name:
            found = text if separator else following
    if found is None or _as_fire_reads(found) != value:
        return None
    return unquoted(found)


def unquoted(text: str) -> str:
    """Return a text of a command line without quotes around it, which Fire takes off as well.

    Examples:
        >>> unquoted("'2024'"), unquoted("2024"), unquoted("it's")
        ('2024', '2024', "it's")
    """
    if text[:1] in ("'", '"') and text[-1:] == text[:1]:
        try:
            return str(ast.literal_eval(text))
        except (ValueError, SyntaxError):
            return text
    return text


def _as_fire_reads(text: str) -> Any:
    from fire.parser import DefaultParseValue  # MONAI's command line has it; its Python interface does without

    return DefaultParseValue(text)

"""What the user gave to ``monai.bundle run``, before Fire and MONAI changed it."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

__all__ = ["given_settings", "raw_text", "running_call", "unquoted"]

_FUNCTIONS = {"run": "override", "run_workflow": "kwargs"}
_MODULE = "monai.bundle.scripts"
_OWN = frozenset(
    {
        *("run_id", "init_id", "final_id", "config_file", "meta_file", "logging_file", "workflow_type"),
        *("properties_path", "tracking"),
    }
)


def running_call() -> dict[str, Any]:
    """Return the arguments of the call of MONAI that runs the bundle of the caller; empty without one."""
    frame: FrameType | None = inspect.currentframe()
    while frame is not None:
        name = frame.f_code.co_name
        if name in _FUNCTIONS and frame.f_globals.get("__name__") == _MODULE:
            return dict(frame.f_locals)
        frame = frame.f_back
    return {}


def given_settings(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings among the arguments of :func:`running_call`, with those that are None, which MONAI drops."""
    found: Mapping[str, Any] = next(
        (call[name] for name in _FUNCTIONS.values() if isinstance(call.get(name), Mapping)), {}
    )
    return {name: value for name, value in found.items() if name not in _OWN}


def raw_text(name: str, value: Any, words: Sequence[str] | None = None) -> str | None:
    """Return the text that stands on the command line for a setting.

    Fire reads ``2024`` as a number, ``1.10`` as 1.1, ``Smith,Anna`` as two texts and leaves out what follows ``#``.

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

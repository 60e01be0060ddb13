"""Common parts of the commands: paths as Fire passes them, and output to the terminal."""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swinx.errors import DataListError, LabelSetError
from swinx.rules import SettingRules
from swinx.visible_text import visible_lines
from swinx.workarounds import unquoted

if TYPE_CHECKING:
    from swinx.labels import LabelMapping, LabelSet

__all__ = [
    "check_paths",
    "complain",
    "data_list_of",
    "label_map_given",
    "label_set_given",
    "say",
    "take_texts_as_they_are",
]


def take_texts_as_they_are(command: Callable[..., Any]) -> None:
    """Let Fire hand over what is annotated as a text as it was typed: a folder 2024 is no number, ``a,b`` no list.

    Args:
        command: Function or method with annotated arguments; ``"None"`` still means none where it can be.
    """
    from fire.decorators import SetParseFns

    texts = {"str": _as_typed, "str | None": _as_typed_or_none}
    arguments = inspect.signature(command).parameters.values()
    functions = {one.name: texts[str(one.annotation)] for one in arguments if str(one.annotation) in texts}
    SetParseFns(**functions)(getattr(command, "__func__", command))


def check_paths(*paths: object) -> None:
    """Refuse paths that are no texts, and those that Fire makes of an option without a value."""
    for path in paths:
        if path in ("True", "False"):
            raise DataListError(SettingRules.PATH_OF_FLAG.says(value=path))
        if not isinstance(path, str | None):
            kind = type(path).__name__
            raise DataListError(SettingRules.PATH_LOST.says(name="a path", value=repr(path), kind=kind))


def data_list_of(source: str) -> Path:
    """Return the data list of a folder, or the one that was given."""
    return Path(source) / "datalist.json" if os.path.isdir(source) else Path(source)  # noqa: PTH112 - never raises


def label_set_given(labels: str | None) -> LabelSet | None:
    """Return the label set of an option ``--labels``: a name, a file or inline JSON; None if it is not given.

    Raises:
        LabelSetError: If there is no such label set.
    """
    if labels is None:
        return None
    from swinx.labels import read_label_set

    return read_label_set(_inline(labels, "--labels") if labels.lstrip().startswith("{") else labels, "--labels")


def label_map_given(given: str | None, option: str) -> LabelMapping | None:
    """Return the meaning of numbers in label files: inline JSON, a JSON file, or a label set; None if not given.

    Raises:
        LabelSetError: If it is no JSON.
        RecordError: If a file holds no plain data.
    """
    if given is None or not given.lstrip().startswith("{"):
        if given is None or not os.path.isfile(given):  # noqa: PTH113 - a text of any length
            return given
        from swinx.files import read_object

        content = read_object(given)
        return content if all(number.isdecimal() for number in content) else given
    return _inline(given, option)


def _inline(text: str, option: str) -> dict[str, Any]:
    """Return an object of JSON, in which no key stands twice."""
    from swinx.files import object_of

    try:
        content: dict[str, Any] = json.loads(text, object_pairs_hook=object_of)
    except ValueError as error:
        raise LabelSetError(f"{option}: is no JSON: {error}") from error
    return content


def say(text: object) -> None:
    """Print a result; control characters of names are escaped."""
    sys.stdout.write(f"{visible_lines(text)}\n")


def complain(text: str) -> None:
    """Print what went wrong; control characters of names are escaped, and all lines but the first indented."""
    sys.stderr.write(f"{visible_lines(text, indent='  ')}\n")


def _as_typed(text: str) -> str:
    return unquoted(text)


def _as_typed_or_none(text: str) -> str | None:
    return None if text == "None" else unquoted(text)

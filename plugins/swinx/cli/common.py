"""What the commands share: paths as Fire hands them over, and where text goes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from swinx.errors import DataListError
from swinx.visible_text import visible_lines

__all__ = ["check_paths", "complain", "data_list_of", "say"]


def check_paths(*paths: object) -> None:
    """Refuse what Fire has made a number or a list of, such as a folder named 2024."""
    for path in paths:
        if not isinstance(path, str | None):
            kind = type(path).__name__
            raise DataListError(f"{path!r} was read as {kind}, not as a path; write ./ in front of the name")


def data_list_of(source: str) -> Path:
    """Return the data list of a folder, or the one that was given."""
    return Path(source) / "datalist.json" if os.path.isdir(source) else Path(source)  # noqa: PTH112 - never raises


def say(text: object) -> None:
    """Print a result; control characters of names are escaped."""
    sys.stdout.write(f"{visible_lines(text)}\n")


def complain(text: str) -> None:
    """Print what went wrong; control characters of names are escaped, and all lines but the first indented."""
    sys.stderr.write(f"{visible_lines(text, indent='  ')}\n")

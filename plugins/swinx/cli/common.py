"""What the commands share: paths as Fire hands them over, and where text goes."""

from __future__ import annotations

import sys
from pathlib import Path

from swinx.errors import DataListError

__all__ = ["check_paths", "complain", "data_list_of", "say"]


def check_paths(*paths: object) -> None:
    """Refuse what Fire has made a number or a list of, such as a folder named 2024."""
    for path in paths:
        if not isinstance(path, str | None):
            kind = type(path).__name__
            raise DataListError(f"{path!r} was read as {kind}, not as a path; write ./ in front of the name")


def data_list_of(source: str) -> Path:
    """Return the data list of a folder, or the one that was given."""
    return Path(source) / "datalist.json" if Path(source).is_dir() else Path(source)


def say(text: object) -> None:
    """Print a result."""
    sys.stdout.write(f"{text}\n")


def complain(text: str) -> None:
    """Print what went wrong."""
    sys.stderr.write(f"{text}\n")

"""Paths from a path, several paths or glob patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from swinx.data.formats.file_formats import is_volume_file
from swinx.errors import DataListError
from swinx.files import absolute_path, expanded
from swinx.rules import ScanFolderRules

__all__ = ["PathOrPaths", "named_paths", "volumes_in"]

PathOrPaths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def named_paths(source: PathOrPaths) -> list[Path]:
    """Return the named files and folders, with glob patterns expanded.

    A path that does not exist is returned, too, for its reader to report; a pattern that matches nothing is not. Hidden
    files count only where they are named in full.

    Raises:
        DataListError: If a path is empty.
    """
    named = [source] if isinstance(source, str | os.PathLike) else list(source)
    return [path for name in named for path in _expand(os.fspath(name))]


def volumes_in(folder: Path) -> list[Path]:
    """Return the volume files directly in a folder in name order, without hidden ones.

    Links count, broken ones as well, which their reader reports.
    """
    return [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".") and is_volume_file(path) and (path.is_file() or path.is_symlink())
    ]


def _expand(name: str) -> list[Path]:
    if not name.strip():
        raise DataListError(ScanFolderRules.NO_PATH.says())
    path = expanded(name)
    if path.exists() or not glob.has_magic(name):
        return [path]
    place = absolute_path(name)
    found = sorted(Path(place.anchor).glob(str(place.relative_to(place.anchor))))
    return [match for match in found if not match.name.startswith(".")]

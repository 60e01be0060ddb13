"""Files that this process has written, and files of earlier runs, which it may remove."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from swinx.rules import LockRules

__all__ = ["EarlierFiles", "note_written"]

_Mark = tuple[int, int, int]
_logger = logging.getLogger(__name__)
_written: dict[Path, _Mark] = {}


def note_written(path: str | os.PathLike[str]) -> None:
    """Remember a file as one that this process has written."""
    place = Path(path).absolute()
    if mark := _mark(place):
        _written[place] = mark


class EarlierFiles:
    """Files as they are when a run begins.

    What another process writes in their place meanwhile is its own, and no business of a run whose case fails.

    Args:
        paths: Files that the run may write.
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._before = {path: _mark(path) for path in paths}

    def may_remove(self, path: Path) -> bool:
        """Return whether a file is unchanged since the run began, or is of this process."""
        mark = _mark(path)
        return mark is not None and mark in (self._before.get(path), _written.get(path.absolute()))

    def remove(self, paths: Iterable[Path]) -> None:
        """Remove the files of a case that failed, but for those that another process wrote; the log names them."""
        for path in paths:
            if not path.is_file():
                continue
            if not self.may_remove(path):
                _logger.warning("%s", LockRules.KEPT.says(path=path))
                continue
            try:
                path.unlink()
            except OSError as error:
                _logger.error("%s is not of this run, but cannot be removed: %s", path, error.strerror)
            else:
                _logger.warning("removed %s, since its case failed", path)


def _mark(path: Path) -> _Mark | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size

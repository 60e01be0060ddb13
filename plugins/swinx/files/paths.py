"""Paths of users, looked at without an error: loops of links, unknown home folders, names that no file can have."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

__all__ = ["absolute_path", "existing_form", "expanded", "is_whole_disk", "real_path"]


def absolute_path(path: str | os.PathLike[str]) -> Path:
    """Return ``path`` from the root, without ``~`` and ``..``.

    Links are not followed: data often lies behind them. The ``~`` of an unknown user stays as it is.

    Examples:
        >>> absolute_path("/data/a/../b").as_posix()
        '/data/b'
    """
    return Path(os.path.normpath(expanded(path).absolute()))


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return ``path`` with the home folder for ``~``; the ``~`` of an unknown user stays as it is.

    Examples:
        >>> expanded("~nobody-of-this-name/x").as_posix()
        '~nobody-of-this-name/x'
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib raises where this does not


def real_path(path: str | os.PathLike[str]) -> Path:
    """Return ``path`` with all links followed as far as they lead; a loop of links stays as it is."""
    place = absolute_path(path)
    try:
        return Path(os.path.realpath(place))
    except (OSError, ValueError):  # no file can have this name
        return place


def existing_form(path: str | os.PathLike[str]) -> Path:
    """Return ``path`` as the disk has it, each part composed (NFC) or decomposed (NFD) where only that exists.

    macOS decomposes names, and a list that was written elsewhere has them composed, or the other way round.

    Returns:
        The path that exists, or ``path`` as it is given.
    """
    given = Path(path)
    if str(given).isascii() or os.path.lexists(given):
        return given
    place = Path(given.anchor)
    for part in given.relative_to(given.anchor).parts:
        forms = (part, *(unicodedata.normalize(form, part) for form in ("NFC", "NFD")))
        found = next((place / form for form in forms if os.path.lexists(place / form)), None)
        if found is None:
            return given
        place = found
    return place


def is_whole_disk(folder: Path) -> bool:
    """Return whether a folder is the root of a disk, or is or holds the user's home folder, links followed."""
    place = real_path(folder)
    return place == Path(place.anchor) or real_path("~").is_relative_to(place)

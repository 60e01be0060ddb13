"""Patterns of paths with the name of the case in them, such as ``**/{case}/ct.nii.gz``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from swinx.errors import DataListError
from swinx.files import real_path
from swinx.rules import CollectionListRules as Rule
from swinx.visible_text import visible

__all__ = ["PathPattern", "paths_below"]

_PARTS = re.compile(r"\*\*/|\*\*|\*|\?|\{case\}|\{[^}]*\}")
_MEANING = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class PathPattern:
    """A pattern of paths below a folder.

    ``*`` and ``?`` stay within a folder, ``**/`` goes into any depth, and ``{case}`` is the name of the case, the same
    wherever it stands.

    Args:
        text: The pattern, relative to the folder.

    Raises:
        DataListError: If it has another name than ``case`` in braces.

    Examples:
        >>> PathPattern("**/{case}/ct.nii.gz").case_of("site a/s001/ct.nii.gz")
        's001'
        >>> PathPattern("{case}/{case}_ct.nii.gz").case_of("s001/s002_ct.nii.gz") is None
        True
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.names_case = "{case}" in text
        self._pattern = re.compile(self._translated(text.removeprefix("./")), re.DOTALL)

    def matches(self, path: str) -> bool:
        """Return whether a relative path has the form of the pattern."""
        return self._pattern.fullmatch(path) is not None

    def case_of(self, path: str) -> str | None:
        """Return the name of the case in a relative path; None if the path does not match or the pattern has none."""
        found = self._pattern.fullmatch(path)
        return found["case"] if found is not None and self.names_case else None

    @staticmethod
    def _translated(text: str) -> str:
        parts, place, named = [], 0, False
        for found in _PARTS.finditer(text):
            parts.append(re.escape(text[place : found.start()]))
            place = found.end()
            if found[0] == "{case}":
                parts.append("(?P=case)" if named else "(?P<case>[^/]+?)")
                named = True
            elif found[0] in _MEANING:
                parts.append(_MEANING[found[0]])
            else:
                raise DataListError(Rule.PATTERN.says(pattern=visible(text), part=visible(found[0])))
        return "".join([*parts, re.escape(text[place:])])


def paths_below(folders: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Yield all files and folders below some folders in name order, as they lie and relative to their folder.

    Hidden ones are left out. Links are followed, each folder once.
    """
    for root in folders:
        entered: set[Path] = set()
        for name, inner, files in os.walk(root, followlinks=True):
            place = Path(name)
            inner[:] = [
                one for one in sorted(inner) if not one.startswith(".") and real_path(place / one) not in entered
            ]
            entered |= {real_path(place / one) for one in inner}
            for one in sorted([*inner, *(file for file in files if not file.startswith("."))]):
                yield place / one, (place / one).relative_to(root).as_posix()

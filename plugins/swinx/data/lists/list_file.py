"""Files of data lists: sections, and a head of plain values."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from swinx.errors import DataListError
from swinx.files import absolute_path, expanded, is_listed, is_whole_disk, read_json, shown
from swinx.rules import EntryRules, ListRules
from swinx.visible_text import visible

__all__ = ["SECTIONS", "is_label_map", "list_roots", "read_list", "warn_of_near_sections"]

SECTIONS = ("training", "validation", "unlabeled", "testing")
"""Sections of a data list: for training, for selecting the model, without labels, for testing."""

_NEAR = 0.7

_logger = logging.getLogger(__name__)


def read_list(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a data list as an object, and check its head: name, description, labels, label maps and roots.

    Raises:
        DataListError: If the file cannot be read or is no data list.
    """
    try:
        content = read_json(expanded(path), "a JSON data list")
    except OSError as error:
        raise DataListError(ListRules.UNREADABLE.says(path=path, detail=error.strerror or error)) from error
    except ValueError as error:
        raise DataListError(str(error)) from error
    if not isinstance(content, dict):
        raise DataListError(ListRules.NO_OBJECT.says(path=path, kind=type(content).__name__))
    for key, (fits, wanted) in _HEAD.items():
        if key in content and not fits(content[key]):
            raise DataListError(EntryRules.HEAD.says(path=path, key=key, value=shown(content[key]), wanted=wanted))
    return content


def list_roots(content: Mapping[str, Any], base: Path, path: str | os.PathLike[str]) -> list[Path]:
    """Return the folders in which the files of a data list may lie: its data directory, and its ``roots``.

    Args:
        content: The list.
        base: Its data directory.
        path: The file, for the message.

    Raises:
        DataListError: If a root is a whole disk, or is or holds the home folder: then nothing would lie outside.
    """
    roots = [absolute_path(base / expanded(root)) for root in content.get("roots", [])]
    for root in roots:
        if is_whole_disk(root):
            raise DataListError(EntryRules.WIDE_ROOT.says(path=path, root=visible(root)))
    return [base, *roots]


def warn_of_near_sections(content: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Warn of sections with a name close to one of :data:`SECTIONS`, since they are not read."""
    for key, value in content.items():
        if key not in SECTIONS and key not in _HEAD and isinstance(value, list):
            for meant in get_close_matches(key.lower(), SECTIONS, n=1, cutoff=_NEAR):
                _logger.warning(EntryRules.NEAR_SECTION.says(path=path, found=key, meant=meant))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and is_listed(value)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and is_listed(f"name {value}")


def _are_folders(value: Any) -> bool:
    return isinstance(value, list) and all(_is_name(root) and root and "\0" not in root for root in value)


def _are_labels(value: Any) -> bool:
    return _is_name(value) or (isinstance(value, dict) and is_listed(value))  # the rest is for its reader to say


def is_label_map(value: Any) -> bool:
    """Return whether a value can be a label map: numbers and classes, the name of a label set or its file, or null."""
    return value is None or _is_name(value) or (isinstance(value, dict) and is_listed(value) and _flat(value))


def _are_label_maps(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_name(key) and is_label_map(item) for key, item in value.items())


def _flat(value: dict[Any, Any]) -> bool:
    return all(isinstance(part, str | int) for item in value.values() for part in _listed(item))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_HEAD: dict[str, tuple[Callable[[Any], bool], str]] = {
    "name": (_is_name, "a text"),
    "description": (_is_text, "a text"),
    "labels": (_are_labels, "an object of classes and numbers, or the name or file of a label set"),
    "label_map": (is_label_map, "an object of numbers and classes, or the name or file of a label set"),
    "label_maps": (_are_label_maps, "an object of sources and their label maps"),
    "roots": (_are_folders, "a list of folders"),
}

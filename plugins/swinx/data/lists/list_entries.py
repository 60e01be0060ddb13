"""Entries of a data list: paths, names and plain values."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from swinx.data.case_names import composed, name_fault
from swinx.data.file_kinds import case_name
from swinx.data.lists.case_facts import PATIENT_KEYS, is_patient
from swinx.files import absolute_path, existing_form, expanded, is_listed, shown
from swinx.labels import NUM_CLASSES
from swinx.rules import EntryRules, ScoreRules
from swinx.visible_text import visible

__all__ = ["ENTRY_KEYS", "FILE_KEYS", "check_entry"]

FILE_KEYS = ("image", "label")
"""Keys of an entry that hold paths."""

_CLASS_KEYS = ("annotated", "pseudo")
ENTRY_KEYS = (*FILE_KEYS, *_CLASS_KEYS, *PATIENT_KEYS, "case")
"""Keys of an entry that mean something here."""

_SHOWN = 120

_logger = logging.getLogger(__name__)


def check_entry(
    entry: Any, roots: Sequence[Path], need_label: bool, must_exist: bool
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the item of an entry, and its faults.

    Args:
        entry: The entry as the file has it.
        roots: Folders in which files may lie; paths are relative to the first.
        need_label: Refuse an entry without a label.
        must_exist: Refuse an entry whose files do not exist.

    Returns:
        The item with absolute paths and its case name in composed form, without the paths that are at fault; and the
        faults as pairs of the file at fault (empty if it is the list) and reason.
    """
    if not isinstance(entry, dict):
        return {}, [("", EntryRules.NO_OBJECT.says(entry=shown(entry)))]
    item = dict(entry)
    reasons: list[tuple[str, str]] = []
    for key in FILE_KEYS:
        if key in entry:
            place, found = _check_path(key, entry[key], roots, must_exist)
            reasons += found
            item = {**item, key: str(place)} if not found else {k: v for k, v in item.items() if k != key}
        elif key == "image" or need_label:
            keys = visible(", ".join(map(repr, entry)) or "none")[:_SHOWN]
            reasons.append(("", EntryRules.NO_KEY.says(key=key, keys=keys)))
    if "case" not in item and isinstance(entry.get("image"), str):
        item["case"] = case_name(entry["image"])
    if "case" in item:
        if isinstance(item["case"], str):
            item["case"] = composed(item["case"])
        if (fault := name_fault(item["case"])) is not None:
            reasons.append(("", fault))
    reasons += [("", reason) for key, value in entry.items() if (reason := _value_fault(key, value)) is not None]
    return item, reasons


def _check_path(key: str, value: Any, roots: Sequence[Path], must_exist: bool) -> tuple[Path, list[tuple[str, str]]]:
    if not isinstance(value, str) or not _is_path(value):
        return roots[0], [("", EntryRules.NO_PATH.says(key=key, value=shown(value)))]
    place = absolute_path(roots[0] / expanded(value))
    if not _fits(place):
        return place, [("", EntryRules.NO_PATH.says(key=key, value=shown(value)))]
    if not any(place.is_relative_to(root) for root in roots):
        allowed = visible(" and ".join(str(root) for root in roots))
        return place, [(str(place), EntryRules.OUTSIDE.says(key=key, value=shown(value), allowed=allowed))]
    if (found := existing_form(place)) != place:
        _logger.info(EntryRules.UNICODE_FORM.says(key=key, path=visible(place)))
        place = found
    if must_exist and not os.path.exists(place):  # noqa: PTH110 - pathlib raises for names that are too long
        return place, [(str(place), EntryRules.MISSING.says(key=key, path=visible(place)))]
    return place, []


def _is_path(value: str) -> bool:
    try:
        return bool(value) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def _fits(place: Path) -> bool:
    """Return whether a file system accepts a path of this length."""
    try:
        os.lstat(place)
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    return True


def _value_fault(key: str, value: Any) -> str | None:
    if key in _CLASS_KEYS:
        ids = value if isinstance(value, list) else [value]
        good = isinstance(value, list) and all(type(number) is int and 1 <= number < NUM_CLASSES for number in ids)
        return None if good else EntryRules.CLASS_IDS.says(key=key, value=shown(value), last=NUM_CLASSES - 1)
    if key in PATIENT_KEYS and not is_patient(value):
        return ScoreRules.PATIENT.says(key=key, value=shown(value))
    if key in ENTRY_KEYS or is_listed({key: value}):
        return None
    return EntryRules.NOT_PLAIN.says(key=shown(key), value=shown(value))

"""Entries of a data list: paths, names and plain values."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from swinx.data.case_names import case_name, composed, name_fault
from swinx.data.formats.file_formats import is_volume_file
from swinx.data.label_files import masks_found
from swinx.data.lists.case_facts import PATIENT_KEYS, is_patient
from swinx.data.lists.list_file import is_label_map
from swinx.data.lists.list_labels import ListLabels
from swinx.errors import CaseError, LabelSetError
from swinx.files import absolute_path, existing_form, expanded, is_listed, shown
from swinx.labels import UNKNOWN, LabelSet, class_numbers
from swinx.rules import EntryRules, ScoreRules
from swinx.visible_text import visible

__all__ = ["ENTRY_KEYS", "FILE_KEYS", "FROM_MASKS", "check_entry", "numbers_text"]

FILE_KEYS = ("image", "label")
"""Keys of an entry that hold paths."""

_CLASS_KEYS = ("annotated", "pseudo")
_LABEL_MAP = "label_map"
FROM_MASKS = "masks"
"""``annotated_source`` of an entry whose classes are those of which there is a mask."""
ENTRY_KEYS = (*FILE_KEYS, *_CLASS_KEYS, *PATIENT_KEYS, "case", _LABEL_MAP)
"""Keys of an entry that mean something here."""

_SHOWN = 120
_MANY = 20

_logger = logging.getLogger(__name__)


def check_entry(
    entry: Any, roots: Sequence[Path], need_label: bool, must_exist: bool, labels: ListLabels
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the item of an entry, and its faults.

    Args:
        entry: The entry as the file has it.
        roots: Folders in which files may lie; paths are relative to the first.
        need_label: Refuse an entry without a label.
        must_exist: Refuse an entry whose files do not exist.
        labels: Classes of the list, and those of the item.

    Returns:
        The item with absolute paths, its case name in composed form and its classes as ids, without the paths that are
        at fault, and with a ``label_map`` to numbers of the label set in use if those in its label file are others; and
        the faults as pairs of the file at fault (empty if it is the list) and reason.
    """
    if not isinstance(entry, dict):
        return {}, [("", EntryRules.NO_OBJECT.says(entry=shown(entry)))]
    item = dict(entry)
    reasons: list[tuple[str, str]] = []
    for key in FILE_KEYS:
        if key in entry:
            places, found = _check_files(key, entry[key], roots, must_exist)
            reasons += found
            item = {**item, key: places} if not found else {k: v for k, v in item.items() if k != key}
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
    classes, told = _classes(item, labels)
    item.pop(_LABEL_MAP, None)
    return item | classes, [*reasons, *(("", reason) for reason in told)]


def _classes(item: Mapping[str, Any], labels: ListLabels) -> tuple[dict[str, Any], list[str]]:
    """Return the classes and the label file of an item, in ids of the label set in use, and its faults."""
    found: dict[str, Any] = {}
    faults = []
    for key in _CLASS_KEYS:
        if key in item and (fault := _class_fault(key, item[key], labels.own)) is not None:
            faults.append(fault)
        elif key in item:
            try:
                found[key] = labels.ids_of(item[key], key)
                faults += _other_meaning(key, item, labels)
            except LabelSetError as error:
                faults.append(str(error))
    if not is_label_map(item.get(_LABEL_MAP)):
        return found, [*faults, EntryRules.LABEL_MAP.says(key=_LABEL_MAP, value=shown(item[_LABEL_MAP]))]
    try:
        found |= _label_file(item, labels) if "label" in item else {}
    except LabelSetError as error:
        faults.append(str(error))
    return found, faults


def _other_meaning(key: str, item: Mapping[str, Any], labels: ListLabels) -> list[str]:
    """Return the fault of numbers, which are those of the label set, if the label map makes other classes of them."""
    numbers = [int(one) for one in item[key] if type(one) is int or (isinstance(one, str) and one.isdecimal())]
    if not numbers or not _is_label_map(item) or not is_label_map(item.get(_LABEL_MAP)):
        return []
    try:
        in_file = labels.own_numbers(item, _LABEL_MAP).ids
    except LabelSetError:  # which what reads the map says
        return []
    meant = {number: labels.own.id_of(number, key) for number in numbers}
    read = {number: in_file.get(number, label) for number, label in meant.items()}
    if set(meant.values()) == set(read.values()):
        return []
    number = next(number for number in numbers if meant[number] != read[number])
    there = "unknown" if read[number] == UNKNOWN else labels.own.names[read[number]]
    told = {"number": number, "here": labels.own.names[meant[number]], "there": there}
    return [EntryRules.OTHER_MEANING.says(key=key, **told)]


def _label_file(item: Mapping[str, Any], labels: ListLabels) -> dict[str, Any]:
    """Return the label of an item, the meaning of its numbers, and the classes that it can tell if it is not all."""
    found: dict[str, Any] = {}
    covered = labels.covered
    if isinstance(item["label"], dict):
        found["label"] = labels.named_masks(item["label"], "label")
        covered = frozenset(labels.used.ids_of(found["label"], "label"))
    elif not _is_label_map(item):  # classes by name
        covered = covered if "annotated" in item else covered & _masks_found(item["label"], labels.used)
    else:
        numbers = labels.numbers(item, _LABEL_MAP)
        covered = frozenset(numbers.ids.values()) - {0, UNKNOWN}
        if numbers.ids != class_numbers(labels.used).ids:
            found[_LABEL_MAP] = {
                str(number): UNKNOWN if label == UNKNOWN else labels.used.values[label]
                for number, label in sorted(numbers.ids.items())
                if number not in (0, UNKNOWN)
            }
    if "annotated" not in item and len(covered) < len(labels.used):
        found["annotated"] = sorted(covered)
        if _LABEL_MAP not in found and not _is_label_map(item):
            found["annotated_source"] = FROM_MASKS
    return found


def _is_label_map(item: Mapping[str, Any]) -> bool:
    label = item.get("label")
    return isinstance(label, str) and is_volume_file(label)


def _masks_found(label: str, label_set: LabelSet) -> frozenset[int]:
    """Return the classes of a folder of masks or a structure set; all where only reading can tell what is wrong."""
    try:
        found = masks_found(label, label_set) if os.path.exists(label) else None  # noqa: PTH110
    except (CaseError, OSError):
        found = None
    return frozenset(label_set.foreground if found is None else found)


def _check_files(
    key: str, value: Any, roots: Sequence[Path], must_exist: bool
) -> tuple[str | dict[str, str], list[tuple[str, str]]]:
    """Return the absolute path of a file, or those of masks by class name, and their faults."""
    if key != "label" or not isinstance(value, dict):
        place, faults = _check_path(key, value, roots, must_exist)
        return str(place), faults
    if not value or not is_listed(dict.fromkeys(value)):
        return {}, [("", EntryRules.NO_PATH.says(key=key, value=shown(value)))]
    found = {name: _check_path(f"{key} of {name}", path, roots, must_exist) for name, path in value.items()}
    return {name: str(place) for name, (place, _) in found.items()}, [one for _, some in found.values() for one in some]


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


def _class_fault(key: str, value: Any, label_set: LabelSet) -> str | None:
    if isinstance(value, list) and all(_names_class(one, label_set) for one in value):
        return None
    return EntryRules.CLASS_IDS.says(key=key, value=shown(value), ids=numbers_text(label_set))


def _names_class(value: Any, label_set: LabelSet) -> bool:
    """Return whether a value is a number of a class, or a text, whose meaning is looked up."""
    return (isinstance(value, str) and is_listed(value)) or (type(value) is int and value in label_set.values[1:])


def numbers_text(label_set: LabelSet) -> str:
    """Return the numbers that files have for the classes of a label set, as text."""
    if not label_set.has_gaps:
        return f"1..{len(label_set)}"
    numbers = label_set.values[1:]
    return ", ".join(map(str, numbers[:_MANY])) + (" ..." if len(numbers) > _MANY else "")


def _value_fault(key: str, value: Any) -> str | None:
    if key in PATIENT_KEYS and not is_patient(value):
        return ScoreRules.PATIENT.says(key=key, value=shown(value))
    if key in ENTRY_KEYS or is_listed({key: value}):
        return None
    return EntryRules.NOT_PLAIN.says(key=shown(key), value=shown(value))

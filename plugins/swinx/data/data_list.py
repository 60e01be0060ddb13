"""Data lists in the style of the Medical Segmentation Decathlon, with what was annotated in each case.

```json
{"name": "FLARE23", "labels": {"0": "background", "1": "liver"},
 "training": [{"case": "FLARE23_0001", "image": "imagesTr2200/FLARE23_0001_0000.nii.gz",
               "label": "labelsTr2200/FLARE23_0001.nii.gz", "annotated": [1, 2]}],
 "validation": [], "unlabeled": [], "testing": []}
```

Paths are relative to the folder of the list, and lie in it or in one of the folders under ``roots`` (relative to the
data directory, too), such as that of the scans where the list stands with refined labels. ``annotated`` are the class
ids whose annotation is complete in the case; without it nobody recorded them. ``pseudo``, if there is one, are the
class ids whose labels a network made.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swinx.data.file_kinds import absolute_path, case_name
from swinx.errors import DataListError
from swinx.files import write_json
from swinx.labels import CLASS_NAMES, NUM_CLASSES

__all__ = [
    "SECTIONS",
    "EntryFault",
    "data_list_roots",
    "data_list_sections",
    "load_data_list",
    "scan_data_list",
    "write_data_list",
]

SECTIONS = ("training", "validation", "unlabeled", "testing")
"""Sections that a list may have: drawn labels, drawn labels to select by, no labels, to be segmented."""

_SHOWN = 10
_FILE_KEYS = ("image", "label")
_CLASS_KEYS = ("annotated", "pseudo")


@dataclass(frozen=True)
class EntryFault:
    """What is wrong with one entry of a data list.

    Attributes:
        number: Position in its section, from 0.
        case: The case's name as far as it is known.
        file: The file at fault, or the data list itself.
        reason: What was found.
    """

    number: int
    case: str
    file: str
    reason: str


def load_data_list(
    path: str | os.PathLike[str],
    section: str,
    base_dir: str | os.PathLike[str] | None = None,
    need_label: bool = False,
    must_exist: bool = True,
) -> list[dict[str, Any]]:
    """Read one section of a data list.

    Args:
        path: The JSON file.
        section: ``"training"``, ``"validation"``, ``"unlabeled"`` or ``"testing"``.
        base_dir: Data directory that paths are relative to; by default the folder of the list.
        need_label: Refuse entries without a label.
        must_exist: Refuse entries whose files do not exist.

    Returns:
        The entries with absolute paths and a ``"case"`` each; other keys are kept as they are.

    Raises:
        DataListError: If the list cannot be read, lacks the section, or any of its entries is unusable.
            The message names the file, the section, and number and fault of the first ten bad entries.
    """
    items, faults = scan_data_list(path, section, base_dir, need_label, must_exist)
    if faults:
        shown = "".join(f"\n  {section}[{fault.number}]: {fault.reason}" for fault in faults[:_SHOWN])
        rest = f"\n  and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise DataListError(f"{path}: {len(faults)} fault(s) in section {section!r}:{shown}{rest}")
    if not items:
        raise DataListError(f"{path}: section {section!r} is empty")
    return items


def scan_data_list(
    path: str | os.PathLike[str],
    section: str,
    base_dir: str | os.PathLike[str] | None = None,
    need_label: bool = False,
    must_exist: bool = True,
) -> tuple[list[dict[str, Any]], list[EntryFault]]:
    """Read one section as :func:`load_data_list` does, but return all faults beside the good entries.

    Raises:
        DataListError: If the list as a whole cannot be read or lacks the section.
    """
    content = _read(path)
    if section not in content:
        raise DataListError(
            f"{path}: no section {section!r}; choose one of {', '.join(data_list_sections(path)) or 'none'}"
        )
    entries = content[section]
    if not isinstance(entries, list):
        raise DataListError(f"{path}: section {section!r} is a {type(entries).__name__}, not a list of entries")
    base = absolute_path(Path(path).parent if base_dir is None else base_dir)
    roots = [base, *_roots(content, base, path)]
    items: list[dict[str, Any]] = []
    faults: list[EntryFault] = []
    first_with: dict[str, int] = {}
    for number, entry in enumerate(entries):
        item, reasons = _check_entry(entry, roots, need_label, must_exist)
        case = str(item.get("case", f"{section}[{number}]"))
        if "case" in item and first_with.setdefault(case, number) != number:
            reasons.append((os.fspath(path), f"case {case!r} is already entry {first_with[case]}"))
        faults += [EntryFault(number, case, file or os.fspath(path), reason) for file, reason in reasons]
        if not reasons:
            items.append(item)
    return items, faults


def data_list_sections(path: str | os.PathLike[str]) -> list[str]:
    """Return the sections that a data list has, in the order of :data:`SECTIONS`.

    Raises:
        DataListError: If the file is missing or is no JSON object.
    """
    content = _read(path)
    return [section for section in SECTIONS if section in content]


def data_list_roots(path: str | os.PathLike[str], base_dir: str | os.PathLike[str] | None = None) -> list[Path]:
    """Return the folders in which the files of a data list may lie: its data directory, and its ``roots``.

    Raises:
        DataListError: If the list cannot be read.
    """
    base = absolute_path(Path(path).parent if base_dir is None else base_dir)
    return [base, *_roots(_read(path), base, path)]


def write_data_list(
    path: str | os.PathLike[str],
    sections: Mapping[str, Iterable[Mapping[str, Any]]],
    base_dir: str | os.PathLike[str] | None = None,
    *,
    name: str = "",
    description: str = "",
    extra: Mapping[str, Any] | None = None,
    roots: Sequence[str | os.PathLike[str]] = (),
) -> None:
    """Write a data list, whole or not at all.

    Args:
        path: The JSON file to appear.
        sections: Entries of each section, as :func:`load_data_list` returns them.
        base_dir: Data directory; by default the folder of ``path``. Paths are written relative to it.
        name: Name of the data set.
        description: One sentence on its origin.
        extra: Further keys of the list, such as how it was made.
        roots: Further folders in which files may lie, such as that of the scans.

    Raises:
        DataListError: If a section has another name than those in :data:`SECTIONS`, or a file lies outside
            ``base_dir`` and ``roots``.
    """
    if unknown := [section for section in sections if section not in SECTIONS]:
        raise DataListError(f"{path}: unknown sections {unknown}; a data list has {', '.join(SECTIONS)}")
    base = absolute_path(Path(path).parent if base_dir is None else base_dir)
    content: dict[str, Any] = {"name": name, "description": description}
    content["labels"] = {str(index): class_name for index, class_name in enumerate(CLASS_NAMES)}
    content.update(extra or {})
    places = [base, *(absolute_path(root) for root in roots)]
    if roots:
        content["roots"] = [Path(os.path.relpath(place, base)).as_posix() for place in places[1:]]
    for section, entries in sections.items():
        content[section] = [_relative(entry, places, path) for entry in entries]
    write_json(path, content)


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise DataListError(f"{path}: cannot read the data list: {error.strerror or error}") from error
    except ValueError as error:  # JSON and UTF-8 errors alike
        raise DataListError(f"{path}: not a JSON data list: {error}") from error
    if not isinstance(content, dict):
        raise DataListError(f"{path}: a data list is an object of sections, not a {type(content).__name__}")
    return content


def _roots(content: Mapping[str, Any], base: Path, path: str | os.PathLike[str]) -> list[Path]:
    given = content.get("roots", [])
    if not isinstance(given, list) or not all(isinstance(root, str) and root for root in given):
        raise DataListError(f"{path}: roots is {given!r}; give a list of folders")
    return [absolute_path(base / Path(root).expanduser()) for root in given]


def _check_entry(
    entry: Any, roots: Sequence[Path], need_label: bool, must_exist: bool
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the item made of ``entry`` and its faults as pairs of file and reason."""
    if not isinstance(entry, dict):
        return {}, [("", f"{entry!r} is not an object with 'image'")]
    item = dict(entry)
    reasons: list[tuple[str, str]] = []
    for key in _FILE_KEYS:
        if key not in entry:
            if key == "image" or need_label:
                reasons.append(("", f"key {key!r} is missing; the entry has {', '.join(map(repr, entry)) or 'none'}"))
            continue
        item[key], found = _check_path(key, entry[key], roots, must_exist)
        reasons += found
    if "case" not in item and isinstance(item.get("image"), str):
        item["case"] = case_name(item["image"])
    if "case" in item and not _is_plain_name(item["case"]):
        reasons.append(("", f"case {item['case']!r} cannot name an output file"))
    for key in _CLASS_KEYS:
        if key in entry and (reason := _class_ids_fault(key, entry[key])):
            reasons.append(("", reason))
    return item, reasons


def _check_path(
    key: str, value: Any, roots: Sequence[Path], must_exist: bool
) -> tuple[str | None, list[tuple[str, str]]]:
    if not isinstance(value, str) or not value:
        return None, [("", f"{key} is {value!r}, not a path")]
    place = absolute_path(roots[0] / Path(value).expanduser())
    if not any(place.is_relative_to(root) for root in roots):
        allowed = " and ".join(str(root) for root in roots)
        return str(place), [(str(place), f"{key} {value!r} is outside the data directory {allowed}")]
    if must_exist and not place.exists():
        return str(place), [(str(place), f"{key} {place} does not exist")]
    return str(place), []


def _is_plain_name(case: Any) -> bool:
    return isinstance(case, str) and case not in ("", ".", "..") and not set(case) & set("/\\\0")


def _class_ids_fault(key: str, value: Any) -> str | None:
    ids = value if isinstance(value, list) else [value]
    bad = [number for number in ids if type(number) is not int or not 1 <= number < NUM_CLASSES]
    if bad or not isinstance(value, list):
        return f"{key} is {value!r}; give a list of class ids in 1..{NUM_CLASSES - 1}"
    return None


def _relative(entry: Mapping[str, Any], places: Sequence[Path], path: str | os.PathLike[str]) -> dict[str, Any]:
    written = dict(entry)
    for key in _FILE_KEYS:
        if key in written:
            file = absolute_path(places[0] / written[key])
            if not any(file.is_relative_to(place) for place in places):
                raise DataListError(f"{path}: {key} {file} is outside the data directory {places[0]}")
            written[key] = Path(os.path.relpath(file, places[0])).as_posix()
    return written

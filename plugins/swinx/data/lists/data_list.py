"""Data lists in the style of the Medical Segmentation Decathlon, with the annotated classes of each case.

```json
{"name": "FLARE23", "labels": {"0": "background", "1": "liver"},
 "training": [{"case": "FLARE23_0001", "image": "imagesTr2200/FLARE23_0001_0000.nii.gz",
               "label": "labelsTr2200/FLARE23_0001.nii.gz", "annotated": [1, 2]}],
 "validation": [], "unlabeled": [], "testing": []}
```

Paths are relative to the folder of the list, and lie in it or in one of the folders under ``roots`` (relative to the
data directory, too), such as that of the scans where the list stands with refined labels. ``annotated`` are the class
ids whose annotation is complete in the case; without it they are not recorded. ``pseudo``, if there is one, are the
class ids whose labels a network made. ``patient`` (or ``group``) is a name or a number that cases of one patient share;
without it every case counts as a patient of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from swinx.data.lists.list_entries import FILE_KEYS
from swinx.data.lists.list_file import SECTIONS, list_roots, read_list
from swinx.data.lists.list_sections import EntryFault, data_directory, scan_section, sections_of
from swinx.errors import DataListError
from swinx.files import absolute_path, is_whole_disk, write_json
from swinx.labels import CLASS_NAMES
from swinx.rules import ListRules
from swinx.visible_text import visible

__all__ = [
    "SECTIONS",
    "EntryFault",
    "data_list_roots",
    "data_list_sections",
    "has_cases",
    "load_cases",
    "load_data_list",
    "scan_data_list",
    "write_data_list",
]

_SHOWN = 10


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
        raise DataListError(
            ListRules.FAULTS.says(path=path, count=len(faults), section=section, faults=f"{shown}{rest}")
        )
    if not items:
        raise DataListError(ListRules.EMPTY_SECTION.says(path=path, section=section))
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
    entries = scan_section(path, section, base_dir, need_label, must_exist)
    good = [entry.item for entry in entries if not entry.faults]
    return good, [fault for entry in entries for fault in entry.faults]


def load_cases(
    path: str | os.PathLike[str],
    section: str,
    base_dir: str | os.PathLike[str] | None = None,
    need_label: bool = False,
) -> list[dict[str, Any]]:
    """Read one section for a batch; an unusable entry fails its own case only.

    Args:
        path: The JSON file.
        section: Section of the list.
        base_dir: Data directory that paths are relative to; by default the folder of the list.
        need_label: Count an entry without a label as unusable.

    Returns:
        All entries, as :func:`load_data_list` has them. An unusable one has ``fault``, the reason, and of ``image`` and
        ``label`` those that are good; :class:`swinx.inference.CaseDataset` reports it. It is called
        ``<section>[<number>]`` where its own name cannot be used. Files that do not exist are left to the reader.

    Raises:
        DataListError: If the list as a whole cannot be read, lacks the section, or the section is empty.
    """
    entries = scan_section(path, section, base_dir, need_label, must_exist=False)
    if not entries:
        raise DataListError(ListRules.EMPTY_SECTION.says(path=path, section=section))
    taken = {entry.item["case"] for entry in entries if not entry.faults}
    cases = []
    for entry in entries:
        item = entry.item
        if entry.faults:
            reasons = "; ".join(fault.reason for fault in entry.faults)
            name = entry.name if entry.name not in taken else f"{section}[{entry.faults[0].number}]"
            while name in taken:
                name += "'"
            taken.add(name)
            kept = {key: item[key] for key in FILE_KEYS if key in item}
            fault = f"{visible(path)}: {section}[{entry.faults[0].number}]: {reasons}"
            item = {"case": name, **kept, "fault": fault}
        cases.append(item)
    return cases


def data_list_sections(path: str | os.PathLike[str]) -> list[str]:
    """Return the sections that a data list has, in the order of :data:`SECTIONS`.

    Raises:
        DataListError: If the file is missing or is no JSON object.
    """
    return sections_of(read_list(path))


def has_cases(path: str | os.PathLike[str], section: str) -> bool:
    """Return whether a data list has the section, with an entry in it.

    Raises:
        DataListError: If the file is missing or is no JSON object.
    """
    return section in data_list_sections(path) and bool(read_list(path)[section])


def data_list_roots(path: str | os.PathLike[str], base_dir: str | os.PathLike[str] | None = None) -> list[Path]:
    """Return the folders in which the files of a data list may lie: its data directory, and its ``roots``.

    Raises:
        DataListError: If the list cannot be read.
    """
    return list_roots(read_list(path), data_directory(path, base_dir), path)


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
    """Write a data list atomically.

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
        raise DataListError(ListRules.UNKNOWN_SECTIONS.says(path=path, sections=unknown, known=", ".join(SECTIONS)))
    base = data_directory(path, base_dir)
    content: dict[str, Any] = {"name": name, "description": description}
    content["labels"] = {str(index): class_name for index, class_name in enumerate(CLASS_NAMES)}
    content.update(extra or {})
    listed = {section: list(entries) for section, entries in sections.items()}
    files = [
        absolute_path(base / entry[key])
        for found in listed.values()
        for entry in found
        for key in FILE_KEYS
        if key in entry
    ]
    places = [base, *(place for root in roots for place in _narrow(absolute_path(root), files))]
    if roots:
        content["roots"] = [Path(os.path.relpath(place, base)).as_posix() for place in places[1:]]
    for section, entries in listed.items():
        content[section] = [_relative(entry, places, path) for entry in entries]
    write_json(path, content)


def _narrow(root: Path, files: Sequence[Path]) -> list[Path]:
    """Return the folders of a list's files, instead of a root that is too wide to allow."""
    if not is_whole_disk(root):
        return [root]
    inside = sorted({root / file.relative_to(root).parts[0] for file in files if file.is_relative_to(root)})
    return [place for folder in inside for place in _narrow(folder, files)]


def _relative(entry: Mapping[str, Any], places: Sequence[Path], path: str | os.PathLike[str]) -> dict[str, Any]:
    written = dict(entry)
    for key in FILE_KEYS:
        if key in written:
            file = absolute_path(places[0] / written[key])
            if not any(file.is_relative_to(place) for place in places):
                raise DataListError(ListRules.OUTSIDE.says(path=path, key=key, file=file, folder=places[0]))
            written[key] = Path(os.path.relpath(file, places[0])).as_posix()
    return written

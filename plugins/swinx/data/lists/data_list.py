"""Data lists in the style of the Medical Segmentation Decathlon, with the annotated classes of each case.

```json
{"name": "FLARE23", "labels": {"0": "background", "1": "liver", "2": "right kidney"},
 "training": [{"case": "FLARE23_0001", "image": "imagesTr2200/FLARE23_0001_0000.nii.gz",
               "label": "labelsTr2200/FLARE23_0001.nii.gz", "annotated": [1, 2]}],
 "validation": [], "unlabeled": [], "testing": []}
```

Paths are relative to the folder of the list, and lie in it or in one of the folders under ``roots`` (relative to the
data directory, too), such as that of the scans where the list stands with refined labels. ``annotated`` are the classes
whose annotation is complete in the case, as numbers in label files or names; without it they are not recorded.
``pseudo``, if there is one, are the classes whose labels a network made. ``patient`` (or ``group``) is a name or a
number that cases of one patient share; without it every case counts as a patient of its own.

``labels`` says which classes there are, see :func:`swinx.data.list_label_set`. Where label files have other numbers,
``label_map`` gives their meaning: an object of numbers and class names, or the name or file of a label set that the
files follow. It stands at the top of the list, under ``label_maps`` by the ``source`` of entries, or in an entry, and
what is more specific counts. A ``label`` may be an object of class names and mask files, or a folder of masks.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from swinx.data.lists.list_entries import FILE_KEYS
from swinx.data.lists.list_file import SECTIONS, list_roots, read_list
from swinx.data.lists.list_labels import data_directory
from swinx.data.lists.list_sections import EntryFault, scan_section, sections_of
from swinx.errors import DataListError
from swinx.labels import LabelSet
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
]

_SHOWN = 10


def load_data_list(
    path: str | os.PathLike[str],
    section: str,
    base_dir: str | os.PathLike[str] | None = None,
    need_label: bool = False,
    must_exist: bool = True,
    label_set: LabelSet | None = None,
) -> list[dict[str, Any]]:
    """Read one section of a data list.

    Args:
        path: The JSON file.
        section: ``"training"``, ``"validation"``, ``"unlabeled"`` or ``"testing"``.
        base_dir: Data directory that paths are relative to; by default the folder of the list.
        need_label: Refuse entries without a label.
        must_exist: Refuse entries whose files do not exist.
        label_set: Classes to use; by default the list's own. Classes of the list are matched by name, and those that
            this set lacks are left out.

    Returns:
        The entries with absolute paths and a ``"case"`` each; ``"annotated"`` and ``"pseudo"`` are sorted class ids of
        the label set in use. Where numbers in a label file are not those of this set, ``"label_map"`` says which of its
        numbers they mean, ``{"5": 1}``, 0 for background and 255 for unknown. Where a label cannot tell all of its
        classes, ``"annotated"`` names those that it can. Other keys are kept as they are.

    Raises:
        DataListError: If the list cannot be read, lacks the section, or any of its entries is unusable.
            The message names the file, the section, and number and fault of the first ten bad entries.
    """
    items, faults = scan_data_list(path, section, base_dir, need_label, must_exist, label_set)
    if faults:
        shown = "".join(f"\n  {section}[{fault.number}]: {fault.reason}" for fault in faults[:_SHOWN])
        rest = f"\n  and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise DataListError(
            ListRules.FAULTS.says(path=path, count=len(faults), section=section, faults=f"{shown}{rest}")
        )
    if not items:
        raise DataListError(ListRules.EMPTY_SECTION.says(path=path, section=section, filled=_filled(path)))
    return items


def scan_data_list(
    path: str | os.PathLike[str],
    section: str,
    base_dir: str | os.PathLike[str] | None = None,
    need_label: bool = False,
    must_exist: bool = True,
    label_set: LabelSet | None = None,
) -> tuple[list[dict[str, Any]], list[EntryFault]]:
    """Read one section as :func:`load_data_list` does, but return all faults beside the good entries.

    Raises:
        DataListError: If the list as a whole cannot be read or lacks the section.
    """
    entries = scan_section(path, section, base_dir, need_label, must_exist, label_set)
    good = [entry.item for entry in entries if not entry.faults]
    return good, [fault for entry in entries for fault in entry.faults]


def load_cases(
    path: str | os.PathLike[str],
    section: str,
    base_dir: str | os.PathLike[str] | None = None,
    need_label: bool = False,
    label_set: LabelSet | None = None,
) -> list[dict[str, Any]]:
    """Read one section for a batch; an unusable entry fails its own case only.

    Args:
        path: The JSON file.
        section: Section of the list.
        base_dir: Data directory that paths are relative to; by default the folder of the list.
        need_label: Count an entry without a label as unusable.
        label_set: Classes to use, as for :func:`load_data_list`.

    Returns:
        All entries, as :func:`load_data_list` has them. An unusable one has ``fault``, the reason, and of ``image`` and
        ``label`` those that are good; :class:`swinx.inference.CaseDataset` reports it. It is called
        ``<section>[<number>]`` where its own name cannot be used. Files that do not exist are left to the reader.

    Raises:
        DataListError: If the list as a whole cannot be read, lacks the section, or the section is empty.
    """
    entries = scan_section(path, section, base_dir, need_label, must_exist=False, label_set=label_set)
    if not entries:
        raise DataListError(ListRules.EMPTY_SECTION.says(path=path, section=section, filled=_filled(path)))
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


def _filled(path: str | os.PathLike[str]) -> str:
    """Return the sections that have cases, for a message."""
    content = read_list(path)
    lists = {section: content[section] for section in sections_of(content) if isinstance(content[section], list)}
    return ", ".join(f"{section} ({len(cases)})" for section, cases in lists.items() if cases) or "none"


def data_list_sections(path: str | os.PathLike[str]) -> list[str]:
    """Return the sections that a data list has, in the order of :data:`SECTIONS`.

    Raises:
        DataListError: If the file is missing or is no JSON object.
    """
    return sections_of(read_list(path))


def has_cases(path: str | os.PathLike[str], section: str) -> bool:
    """Return whether a data list has the section and it is no empty list; what it has instead is the reader's to judge.

    Raises:
        DataListError: If the file is missing or is no JSON object.
    """
    return bool(read_list(path).get(section, []) != [])


def data_list_roots(path: str | os.PathLike[str], base_dir: str | os.PathLike[str] | None = None) -> list[Path]:
    """Return the folders in which the files of a data list may lie: its data directory, and its ``roots``.

    Raises:
        DataListError: If the list cannot be read.
    """
    return list_roots(read_list(path), data_directory(path, base_dir), path)

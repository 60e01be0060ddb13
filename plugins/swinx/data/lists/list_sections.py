"""Sections of a data list, with the faults of each entry."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from swinx.data.case_names import name_fault
from swinx.data.lists.list_entries import ENTRY_KEYS, check_entry
from swinx.data.lists.list_file import SECTIONS, list_roots, read_list, warn_of_near_sections
from swinx.data.lists.list_labels import data_directory, labels_of
from swinx.errors import DataListError
from swinx.labels import LabelSet
from swinx.rules import EntryRules, ListRules
from swinx.visible_text import visible

__all__ = ["EntryFault", "ListedEntry", "scan_section", "sections_of"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EntryFault:
    """Fault of one entry of a data list.

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


@dataclass(frozen=True)
class ListedEntry:
    """An entry of a data list.

    Attributes:
        name: Name that it goes by: its own, or ``<section>[<number>]`` where that cannot be used.
        item: The item that it stands for, see :func:`swinx.data.lists.list_entries.check_entry`.
        faults: What is wrong with it.
    """

    name: str
    item: dict[str, Any]
    faults: tuple[EntryFault, ...]


def scan_section(
    path: str | os.PathLike[str],
    section: str,
    base_dir: str | os.PathLike[str] | None,
    need_label: bool,
    must_exist: bool,
    label_set: LabelSet | None = None,
) -> list[ListedEntry]:
    """Return all entries of a section with their faults; the arguments are those of :func:`swinx.data.load_data_list`.

    Raises:
        DataListError: If the list as a whole cannot be read or lacks the section.
    """
    content = read_list(path)
    warn_of_near_sections(content, path)
    if section not in content:
        known = ", ".join(sections_of(content)) or "none"
        raise DataListError(ListRules.NO_SECTION.says(path=path, section=section, sections=known))
    entries = content[section]
    if not isinstance(entries, list):
        kind = type(entries).__name__
        raise DataListError(ListRules.SECTION_KIND.says(path=path, section=section, kind=kind))
    _warn_of_near_keys(entries, path, section)
    roots = list_roots(content, data_directory(path, base_dir), path)
    labels = labels_of(content, roots, path, label_set)
    found: list[ListedEntry] = []
    first_with: dict[str, int] = {}
    for number, entry in enumerate(entries):
        item, reasons = check_entry(entry, roots, need_label, must_exist, labels)
        name = item["case"] if name_fault(item.get("case")) is None else f"{section}[{number}]"
        if "case" in item and first_with.setdefault(name, number) != number:
            reasons.append(("", EntryRules.TWICE.says(case=name, first=first_with[name])))
        faults = tuple(EntryFault(number, name, file or os.fspath(path), reason) for file, reason in reasons)
        found.append(ListedEntry(name, item, faults))
    return found


def _warn_of_near_keys(entries: Sequence[Any], path: str | os.PathLike[str], section: str) -> None:
    """Warn of keys that look like misspelt ones; any other key is the user's own and kept."""
    counts = Counter(key for entry in entries if isinstance(entry, dict) for key in entry if key not in ENTRY_KEYS)
    for key, count in counts.items():
        if near := get_close_matches(str(key).lower(), ENTRY_KEYS, 1, cutoff=0.85):
            _logger.warning(
                EntryRules.MISSPELT.says(path=visible(path), key=key, count=count, section=section, nearest=near[0])
            )


def sections_of(content: Mapping[str, Any]) -> list[str]:
    """Return the sections that a data list has, in the order of :data:`swinx.data.lists.list_file.SECTIONS`."""
    return [section for section in SECTIONS if section in content]

"""Facts about references from a data list: annotated classes, patients, the fitting protocol."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from swinx.data import annotated_by_people, data_list_sections, load_cases, patient_of, read_list
from swinx.errors import DataListError
from swinx.files import real_path
from swinx.metrics import Protocol, read_protocol
from swinx.rules import ScoreRules
from swinx.scoring.case_pairs import CasePair, PathLike

__all__ = ["ReferenceList", "choose_protocol", "read_reference_list", "with_facts"]

_LIST_NAME = "datalist.json"
_FLARE = re.compile(r"(MICCAI[ _-]?)?FLARE[ _-]?(20)?23", re.IGNORECASE)
_SHOWN = 5


@dataclass(frozen=True)
class ReferenceList:
    """A data list with the annotated classes of the references.

    Attributes:
        path: The file; empty if there is none.
        name: Name of the data set, as the list states it.
        items: Its entries with a label.
        by_file: Match entries by the file of their label, rather than by the name of their case.
        notes: Why a list that lies there is not used.
    """

    path: str = ""
    name: str = ""
    items: tuple[dict[str, Any], ...] = ()
    by_file: bool = False
    notes: tuple[str, ...] = ()


def read_reference_list(reference: PathLike, data_list: PathLike | None = None) -> ReferenceList:
    """Read the given data list, or the ``datalist.json`` in the folder of the references or its parent.

    A list that was not given counts only for the label files that it names: one of partial labels says nothing about
    the complete labels in a folder beside them.

    Args:
        reference: Folder of label maps, one file, or a data list.
        data_list: The data list, if the user gave one.

    Raises:
        DataListError: If a list that was given cannot be used.
    """
    if data_list is not None:
        return _read(Path(data_list), by_file=False)
    place = real_path(reference)
    folder = place if place.is_dir() else place.parent
    named = [place] if place.suffix.lower() == ".json" else []
    for path in (*named, folder / _LIST_NAME, folder.parent / _LIST_NAME):
        if path.is_file():
            try:
                return _read(path, by_file=True)
            except DataListError as error:
                return ReferenceList(notes=(ScoreRules.LIST_UNUSABLE.says(source=path, detail=error),))
    return ReferenceList()


def with_facts(pairs: Sequence[CasePair], listed: ReferenceList) -> tuple[list[CasePair], list[str]]:
    """Return the pairs with annotated classes and patients, and notes on what the list lacks."""
    if not listed.items:
        return list(pairs), list(listed.notes)
    if listed.by_file:
        items = {os.fspath(real_path(item["label"])): item for item in listed.items}
        found = [items.get(os.fspath(real_path(pair.reference))) for pair in pairs]
    else:
        items = {str(item["case"]): item for item in listed.items}
        found = [items.get(pair.case) for pair in pairs]
    told = [
        pair if item is None else replace(pair, annotated=annotated_by_people(item), patient=patient_of(item))
        for pair, item in zip(pairs, found, strict=True)
    ]
    missing = [pair.case for pair, item in zip(pairs, found, strict=True) if item is None]
    if not missing or (listed.by_file and len(missing) == len(pairs)):
        return told, list(listed.notes)
    shown = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else "")
    note = ScoreRules.NOT_LISTED.says(missing=len(missing), total=len(pairs), source=listed.path, cases=shown)
    return told, [*listed.notes, note]


def choose_protocol(asked: str, cases: Sequence[str], list_name: str = "") -> Protocol:
    """Return the requested protocol; for ``"auto"``, the one that fits the data.

    The challenge's rule is for the challenge's data: those whose data list is named FLARE23, or all of whose cases are
    (``FLARE23_0001``, ``FLARE23Ts_0001``). All others are scored by ``standard``.

    Raises:
        ValueError: If there is no protocol of that name.

    Examples:
        >>> choose_protocol("auto", ["FLARE23Ts_0001", "FLARE23Ts_0002"])
        'flare23'
        >>> choose_protocol("auto", ["liver_12"])
        'standard'
    """
    if asked != "auto":
        return read_protocol(asked)
    named = bool(cases) and all(_FLARE.match(case) for case in cases)
    return "flare23" if named or _FLARE.fullmatch(list_name.strip()) else "standard"


def _read(path: Path, by_file: bool) -> ReferenceList:
    items: list[dict[str, Any]] = []
    for section in data_list_sections(path):
        try:
            items += [item for item in load_cases(path, section) if "label" in item and "fault" not in item]
        except DataListError:
            if read_list(path).get(section) != []:
                raise
    return ReferenceList(os.fspath(path), str(read_list(path).get("name", "")), tuple(items), by_file)

"""Facts about references from a data list: annotated classes, patients, the fitting protocol."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from swinx.data import data_list_sections, has_cases, label_path, list_label_set, load_cases, read_list
from swinx.errors import DataListError
from swinx.files import real_path
from swinx.labels import FLARE23, LabelSet
from swinx.metrics import Protocol, fitting_protocol
from swinx.rules import ScoreRules
from swinx.scoring.case_pairs import CasePair, PathLike, listed_pair
from swinx.visible_text import first_of

__all__ = ["ReferenceList", "choose_protocol", "label_set_beside", "read_reference_list", "with_facts"]

_LIST_NAME = "datalist.json"
_FLARE = re.compile(r"(MICCAI[ _-]?)?FLARE[ _-]?(20)?23", re.IGNORECASE)
_SHOWN = 5

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReferenceList:
    """A data list with the annotated classes of the references.

    Attributes:
        path: The file; empty if there is none.
        name: Name of the data set, as the list states it.
        items: Its entries with a label.
        by_file: Match entries by the file of their label, rather than by the name of their case.
        notes: Why a list that lies there is not used.
        label_set: The classes of its entries; None if there are none.
    """

    path: str = ""
    name: str = ""
    items: tuple[dict[str, Any], ...] = ()
    by_file: bool = False
    notes: tuple[str, ...] = ()
    label_set: LabelSet | None = None


def read_reference_list(reference: PathLike, data_list: PathLike | None, label_set: LabelSet) -> ReferenceList:
    """Read the given data list, or the ``datalist.json`` in the folder of the references or its parent.

    A list that was not given counts only for the label files that it names: one of partial labels says nothing about
    the complete labels in a folder beside them.

    Args:
        reference: Folder of label maps, one file, or a data list.
        data_list: The data list, if the user gave one.
        label_set: Classes to use for its entries.

    Raises:
        DataListError: If a list that was given cannot be used.
    """
    if data_list is not None:
        return _read(Path(data_list), label_set, by_file=False)
    path = _list_beside(reference)
    if path is None:
        return ReferenceList(label_set=None)
    try:
        return _read(path, label_set, by_file=True)
    except DataListError as error:
        note = ScoreRules.LIST_UNUSABLE.says(source=path, detail=error)
        return ReferenceList(notes=(note,), label_set=None)


def label_set_beside(*sources: Any) -> LabelSet | None:
    """Return the label set that the first data list in, or beside, some files or folders names; None if none does.

    One that lies beside them and cannot be used is passed over with a warning.

    Args:
        sources: Files, folders or data lists; others, such as None or several files, are passed over.

    Raises:
        DataListError: If a data list among the sources cannot be read, or names no label set that can be used.
    """
    for source in sources:
        place = _list_beside(source) if isinstance(source, str | os.PathLike) else None
        if place is None:
            continue
        try:
            if (named := _named(place)) is not None:
                return named
        except DataListError as error:
            if place == real_path(source):
                raise
            _logger.warning("%s", ScoreRules.LABELS_UNUSABLE.says(source=place, detail=error))
    return None


def with_facts(
    pairs: Sequence[CasePair], listed: ReferenceList, label_set: LabelSet = FLARE23
) -> tuple[list[CasePair], list[str]]:
    """Return the pairs with what the list says of them, and notes on what it lacks.

    Annotated classes and patients are taken by case, and what the numbers in a reference mean by file.
    """
    if not listed.items:
        return list(pairs), list(listed.notes)
    if listed.by_file:
        items = {_file(label_path(item["label"])): item for item in listed.items}
        found = [items.get(_file(pair.reference)) for pair in pairs]
    else:
        items = {str(item["case"]): item for item in listed.items}
        found = [items.get(pair.case) for pair in pairs]
    told = [
        pair if item is None else _told(pair, listed_pair(item, pair.prediction, label_set))
        for pair, item in zip(pairs, found, strict=True)
    ]
    missing = [pair.case for pair, item in zip(pairs, found, strict=True) if item is None]
    if not missing or (listed.by_file and len(missing) == len(pairs)):
        return told, list(listed.notes)
    counts = {"missing": len(missing), "total": len(pairs), "cases": first_of(missing, _SHOWN)}
    return told, [*listed.notes, ScoreRules.NOT_LISTED.says(source=listed.path, **counts)]


def choose_protocol(asked: str, cases: Sequence[str], list_name: str = "", label_set: LabelSet = FLARE23) -> Protocol:
    """Return the requested protocol; for ``"auto"``, the one that fits the data.

    The challenge's rule is for the challenge's data: those whose data list is named FLARE23, or all of whose cases are
    (``FLARE23_0001``, ``FLARE23Ts_0001``), with the challenge's classes. All others are scored by ``standard``.

    Raises:
        LabelSetError: If ``flare23`` is requested for other classes.
        ValueError: If there is no protocol of that name.

    Examples:
        >>> choose_protocol("auto", ["FLARE23Ts_0001", "FLARE23Ts_0002"])
        'flare23'
        >>> choose_protocol("auto", ["liver_12"])
        'standard'
    """
    if asked != "auto":
        return fitting_protocol(asked, label_set)
    if fitting_protocol("auto", label_set) == "standard":
        return "standard"
    named = bool(cases) and all(_FLARE.match(case) for case in cases)
    return "flare23" if named or _FLARE.fullmatch(list_name.strip()) else "standard"


def _told(pair: CasePair, listed: CasePair) -> CasePair:
    """Return a pair with the facts of its entry in a list, whose label may be another file."""
    if _file(pair.reference) == _file(listed.reference):
        return replace(listed, case=pair.case)
    return replace(pair, annotated=listed.annotated, patient=listed.patient)


def _file(path: PathLike) -> str:
    return os.fspath(real_path(path))


def _named(path: Path) -> LabelSet | None:
    """Return the label set that a data list names; None if it names none."""
    return None if read_list(path).get("labels") is None else list_label_set(path)


def _list_beside(source: PathLike) -> Path | None:
    """Return the data list that a path is, or that lies in its folder or the one above."""
    place = real_path(source)
    folder = place if place.is_dir() else place.parent
    named = [place] if place.suffix.lower() == ".json" else []
    return next((p for p in (*named, folder / _LIST_NAME, folder.parent / _LIST_NAME) if p.is_file()), None)


def _read(path: Path, label_set: LabelSet, by_file: bool) -> ReferenceList:
    items: list[dict[str, Any]] = []
    for section in filter(partial(has_cases, path), data_list_sections(path)):
        cases = load_cases(path, section, label_set=label_set)
        items += [item for item in cases if "label" in item and "fault" not in item]
    name = str(read_list(path).get("name", ""))
    return ReferenceList(os.fspath(path), name, tuple(items), by_file, label_set=label_set)

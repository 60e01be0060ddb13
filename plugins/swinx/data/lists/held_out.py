"""Validation cases held out of the training cases: a seeded split, recorded in a file."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import ignite.distributed as idist
import numpy as np

from swinx.data.lists.case_facts import patient_of
from swinx.data.lists.data_list import (
    data_list_roots,
    data_list_sections,
    has_cases,
    load_cases,
    load_data_list,
)
from swinx.data.lists.list_labels import list_label_set
from swinx.data.lists.written_list import write_data_list
from swinx.data.numbering_notes import warn_of_numberings
from swinx.errors import DataListError
from swinx.labels import LabelSet

__all__ = ["hold_out", "load_labelled", "write_split_list"]

_MOST = 50
_logger = logging.getLogger(__name__)


def load_labelled(
    path: str | os.PathLike[str],
    section: Literal["training", "validation"],
    written_to: str | os.PathLike[str],
    fraction: float = 0.2,
    seed: int = 0,
    label_set: LabelSet | None = None,
) -> list[dict[str, Any]]:
    """Read the cases to train on, or those to validate with.

    A list with cases in a section ``validation`` is taken as it is. Of any other, a part of the cases of ``training``
    is held out, and what was decided is written down as a data list of its own; a later call goes by that, so that a
    training that resumes, and an evaluation, have the same cases. Label files of two numberings in both are
    warned of, see :func:`swinx.data.numbering_notes.warn_of_numberings`.

    Args:
        path: The data list.
        section: Which of the two.
        written_to: The data list to write, where one is needed.
        fraction: Part of the patients to hold out: at least one, and at most 50; none if there is only one.
        seed: Of the choice.
        label_set: Classes to use; by default the list's own.

    Returns:
        Entries as :func:`swinx.data.load_data_list` returns them.

    Raises:
        DataListError: If the list cannot be read, or an entry is unusable.
        OSError: If ``written_to`` cannot be written.
    """
    if has_cases(path, "validation"):
        items = load_data_list(path, section, need_label=True, label_set=label_set)
        if section == "training":
            held_out = load_cases(path, "validation", label_set=label_set)
            warn_of_numberings([*items, *held_out], label_set or list_label_set(path))
        return items
    parts = _split(path, Path(written_to), fraction, seed, label_set)
    if idist.get_rank() == 0 and section == "validation":
        _write(path, written_to, parts, seed, label_set)
    if section == "training":
        warn_of_numberings([*parts[section], *parts["validation"]], label_set or list_label_set(path))
    return parts[section]


def write_split_list(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    fraction: float = 0.2,
    seed: int = 0,
    label_set: LabelSet | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Write a data list with all sections of another, and with validation cases.

    Args:
        path: The data list.
        out: The list to write; an earlier one at this place keeps its choice.
        fraction: As for :func:`load_labelled`, where the list has no section ``validation``.
        seed: Of the choice.
        label_set: Classes to use; by default the list's own.

    Returns:
        The entries of each section.

    Raises:
        DataListError: If the list cannot be read, or an entry is unusable.
        OSError: If ``out`` cannot be written.
    """
    present = data_list_sections(path)
    others = [name for name in present if name != "training" and has_cases(path, name)]
    sections = {name: load_cases(path, name, label_set=label_set) for name in others}
    if has_cases(path, "validation"):
        sections["training"] = load_cases(path, "training", label_set=label_set) if "training" in present else []
    else:
        sections |= _split(path, Path(out), fraction, seed, label_set)
    usable = {name: [item for item in items if "fault" not in item] for name, items in sections.items()}
    _write(path, out, usable, seed, label_set)
    return sections


def _split(
    path: str | os.PathLike[str], out: Path, fraction: float, seed: int, label_set: LabelSet | None
) -> dict[str, list[dict[str, Any]]]:
    items = load_data_list(path, "training", need_label=True, label_set=label_set)
    chosen = _written(out, {item["case"] for item in items}) or hold_out(items, fraction, seed)
    _logger.info(
        "%s has no cases in 'validation': %d of its %d cases are held out; %s names them",
        *(path, len(chosen), len(items), out),
    )
    return {
        "training": [item for item in items if item["case"] not in chosen],
        "validation": [item for item in items if item["case"] in chosen],
    }


def _write(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    sections: dict[str, list[dict[str, Any]]],
    seed: int,
    label_set: LabelSet | None,
) -> None:
    label_set = label_set or list_label_set(path)
    write_data_list(out, sections, roots=data_list_roots(path), extra={"split": {"seed": seed}}, label_set=label_set)


def hold_out(items: Sequence[dict[str, Any]], fraction: float = 0.2, seed: int = 0) -> set[str]:
    """Return the names of cases to hold out; cases of one ``patient`` or ``group`` stay together.

    Examples:
        >>> len(hold_out([{"case": str(number)} for number in range(10)]))
        2
    """
    patients = sorted({_patient(item) for item in items})
    if len(patients) < 2:
        return set()
    count = min(max(round(fraction * len(patients)), 1), _MOST)
    taken = set(np.random.default_rng(seed).permutation(patients)[:count].tolist())
    return {item["case"] for item in items if _patient(item) in taken}


def _patient(item: dict[str, Any]) -> str:
    return patient_of(item) or str(item["case"])


def _written(path: Path, known: Iterable[str]) -> set[str]:
    """Return the cases that an earlier run held out and that still exist."""
    if not path.is_file():
        return set()
    try:
        held_out = load_data_list(path, "validation", must_exist=False, label_set=None)
    except DataListError as error:
        advice = "delete it, or choose another folder"
        raise DataListError(f"{path}: is no split of a data list; {advice}: {error}") from error
    return {item["case"] for item in held_out} & set(known)

"""Splits of cases by patient: a validation part, or folds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from swinx.data.lists.case_facts import patient_of
from swinx.errors import DataListError
from swinx.rules import CollectionListRules as Rule
from swinx.visible_text import visible

__all__ = ["folds_of", "part_of", "patients_named"]


def part_of(items: Sequence[Mapping[str, Any]], fraction: float, seed: int) -> set[str]:
    """Return the names of the cases of a part of the patients: at least one, and not all.

    Args:
        items: Entries of a data list; those of one ``patient`` or ``group`` stay together.
        fraction: Part of the patients, 0 for none.
        seed: Of the choice.

    Raises:
        DataListError: If ``fraction`` is not from 0 to below 1.
    """
    if not 0 <= fraction < 1:
        raise DataListError(Rule.FRACTION.says(fraction=fraction))
    patients = _shuffled(items, seed)
    if fraction == 0 or len(patients) < 2:
        return set()
    count = min(max(round(fraction * len(patients)), 1), len(patients) - 1)
    return _cases(items, patients[:count])


def folds_of(items: Sequence[Mapping[str, Any]], folds: int, seed: int) -> list[set[str]]:
    """Return the names of the validation cases of each fold; each case is in one of them.

    Raises:
        DataListError: If there are fewer than two folds, or fewer patients than folds.
    """
    patients = _shuffled(items, seed)
    if not 2 <= folds <= len(patients):
        raise DataListError(Rule.FOLDS.says(folds=folds, patients=len(patients)))
    return [_cases(items, patients[fold::folds]) for fold in range(folds)]


def patients_named(cases: Sequence[str], pattern: str) -> dict[str, str]:
    """Return the patient of each case whose name has one.

    Args:
        cases: Names of cases.
        pattern: Regular expression that is searched in a name: its first group is the patient, or all that it matches.

    Raises:
        DataListError: If it is no regular expression.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataListError(Rule.EXPRESSION.says(pattern=visible(pattern), detail=error)) from error
    found = {case: match for case in cases if (match := compiled.search(case)) is not None}
    named = {case: match[1] if compiled.groups else match[0] for case, match in found.items()}
    return {case: patient for case, patient in named.items() if patient}


def _shuffled(items: Sequence[Mapping[str, Any]], seed: int) -> list[str]:
    patients = sorted({_patient(item) for item in items})
    return [str(patient) for patient in np.random.default_rng(seed).permutation(patients)]


def _cases(items: Sequence[Mapping[str, Any]], patients: Sequence[str]) -> set[str]:
    chosen = set(patients)
    return {str(item["case"]) for item in items if _patient(item) in chosen}


def _patient(item: Mapping[str, Any]) -> str:
    return patient_of(item) or str(item["case"])

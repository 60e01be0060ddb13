"""Labelled cases of a probe: those to fit on, and others to test on."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from swinx.data import load_cases, load_data_list
from swinx.errors import DataListError
from swinx.labels import LabelSet

__all__ = ["choose_covering", "load_probe_cases"]


def load_probe_cases(
    path: str | os.PathLike[str],
    fit_section: str,
    section: str,
    max_fit_cases: int | None = None,
    seed: int = 0,
    label_set: LabelSet | None = None,
) -> list[dict[str, Any]]:
    """Return the cases of a probe from a data list.

    Args:
        path: The data list.
        fit_section: Section to fit on.
        section: Section to test on.
        max_fit_cases: Most cases to fit on, see :func:`choose_covering`; None takes all.
        seed: Seed of the choice.
        label_set: Label set to use; by default the list's own.

    Returns:
        Entries of :func:`swinx.data.load_cases`, those to fit on first, each with its ``"section"``.

    Raises:
        DataListError: If a section is missing, is empty or has no usable entry, if a case or an image is in both, or
            the probe would be tested on what it was fitted on.
        ValueError: If ``max_fit_cases`` is not positive.
    """
    if fit_section == section:
        raise DataListError(
            f"{path}: a probe must not be tested on the cases it was fitted on; fit_section and section are both "
            f"{section!r}"
        )
    sections = {name: load_cases(path, name, need_label=True, label_set=label_set) for name in (fit_section, section)}
    for name, items in sections.items():
        if all("fault" in item for item in items):
            load_data_list(
                path, name, need_label=True, must_exist=False, label_set=label_set
            )  # raises an error that names the faults
    for key in ("case", "image"):
        tested = {item[key] for item in sections[section] if key in item}
        if twice := [item[key] for item in sections[fit_section] if item.get(key) in tested]:
            raise DataListError(
                f"{path}: {key} {twice[0]!r} is in both {fit_section!r} and {section!r}; a probe must be tested on "
                "cases that it was not fitted on: remove it from one of them"
            )
    if max_fit_cases is not None:
        usable = [item for item in sections[fit_section] if "fault" not in item]
        unusable = [item for item in sections[fit_section] if "fault" in item]
        sections[fit_section] = choose_covering(usable, max_fit_cases, np.random.default_rng(seed)) + unusable
    return [{**item, "section": name} for name, items in sections.items() for item in items]


def choose_covering(items: Sequence[dict[str, Any]], count: int, random: np.random.Generator) -> list[dict[str, Any]]:
    """Return cases of which about equally many annotate each class.

    Cases are taken one by one: the next is a random one of those that annotate the class which the chosen cases
    annotate least. Cases without a record of their annotated classes come last.

    Args:
        items: Entries of a data list.
        count: Most cases to choose.
        random: Source of randomness.

    Returns:
        The chosen entries, in the order of the list.

    Raises:
        ValueError: If ``count`` is not positive.

    Examples:
        >>> items = [{"case": case, "annotated": [1]} for case in "abcd"] + [{"case": "e", "annotated": [2]}]
        >>> [item["case"] for item in choose_covering(items, 2, np.random.default_rng(0))][-1]
        'e'
    """
    if count < 1:
        raise ValueError(f"max_fit_cases must be 1 or more, or null for all cases, not {count}")
    waiting = [int(number) for number in random.permutation(len(items))]
    covered = Counter({label: 0 for item in items for label in item.get("annotated", ())})
    chosen: list[int] = []
    while waiting and len(chosen) < count:
        rarest = sorted(covered, key=lambda label: (covered[label], label))
        annotating = (n for label in rarest for n in waiting if label in items[n].get("annotated", ()))
        number = next(annotating, waiting[0])
        waiting.remove(number)
        chosen.append(number)
        covered.update(items[number].get("annotated", ()))
    return [items[number] for number in sorted(chosen)]

"""Notes on label files of two numberings, for the check of a collection and before a training."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import numpy as np
from tqdm.contrib.concurrent import thread_map

from swinx.data.formats.file_formats import is_volume_file
from swinx.data.label_facts import LabelFacts, implausible, label_facts
from swinx.data.label_files import read_label
from swinx.data.numberings import OtherNumbering, other_numberings
from swinx.errors import CaseError
from swinx.labels import FLARE23, LabelSet
from swinx.rules import CollectionRules, LabelRules, ListRules
from swinx.visible_text import first_of

__all__ = ["contradicting_labels", "numbering_fault", "numbering_line", "warn_of_numberings"]

_LOOKED_AT = 24
"""Label files that are read before a training."""
_FEW = 4

_logger = logging.getLogger(__name__)


def contradicting_labels(facts: Mapping[str, LabelFacts], label_set: LabelSet) -> list[OtherNumbering]:
    """Return the groups of labels whose numbering contradicts that of the others.

    Of two groups, the one with more volumes that the names of the classes do not allow is the odd one; where the names
    tell nothing, the smaller one is.

    Args:
        facts: Measures of the label of each case, by class id.
        label_set: The classes.
    """
    found = other_numberings(facts, label_set.lesions)
    if len(found) != 1:
        return found
    (group,) = found
    odd, usual = (
        np.mean([len(implausible(facts[case], label_set)) for case in cases]) for cases in (group.cases, group.others)
    )
    if usual <= odd:
        return found
    return [OtherNumbering(group.others, group.cases, {there: here for here, there in group.moved.items()})]


def numbering_fault(group: OtherNumbering, label_set: LabelSet) -> str:
    """Return the fault of each case of a group."""
    return LabelRules.CONTRADICTS.says(others=len(group.others), moved=_moved(group, label_set))


def numbering_line(group: OtherNumbering, label_set: LabelSet) -> str:
    """Return the line on a group in the account of a collection."""
    return CollectionRules.CONTRADICT.says(**_told(group, label_set))


def warn_of_numberings(items: Sequence[Mapping[str, Any]], label_set: LabelSet = FLARE23, seed: int = 0) -> None:
    """Log a warning if the label files of some cases have another numbering than those of the others.

    At most 24 label maps are read, the same number of each source or folder, so that it takes seconds; masks and
    structure sets have names, and are not read. In a training of several processes, the first one does it.

    Args:
        items: Cases, as :func:`swinx.data.load_data_list` returns them.
        label_set: The classes.
        seed: Of the choice.
    """
    looked_at = _sample(items, seed)
    if idist.get_rank() != 0 or len(looked_at) < 2 * 2:
        return
    read = partial(_facts, label_set=label_set)
    options = {"desc": "numberings", "unit": "case", "leave": False}
    found = thread_map(read, looked_at, max_workers=2, **options)
    facts = {item["case"]: each for item, each in zip(looked_at, found, strict=True) if each is not None}
    for group in contradicting_labels(facts, label_set):
        told = {"looked": len(facts), "total": len(items), **_told(group, label_set)}
        _logger.warning("%s", ListRules.NUMBERINGS.says(**told))


def _sample(items: Sequence[Mapping[str, Any]], seed: int) -> list[Mapping[str, Any]]:
    """Return label maps that may tell of two classes or more, in turn of each source or folder."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for index in np.random.default_rng(seed).permutation(len(items)).tolist():
        item = items[index]
        label = item.get("label")
        is_map = isinstance(label, str) and is_volume_file(label)
        if is_map and "fault" not in item and len(item.get("annotated", (1, 2))) > 1:
            groups.setdefault(f"{item.get('source')} {Path(str(label)).parent}", []).append(item)
    rounds = (group[turn] for turn in range(_LOOKED_AT) for group in groups.values() if turn < len(group))
    return [item for item, _ in zip(rounds, range(_LOOKED_AT), strict=False)]


def _facts(item: Mapping[str, Any], label_set: LabelSet) -> LabelFacts | None:
    try:
        label = read_label(item["label"], label_set, item.get("label_map"), allow_empty=True)
    except CaseError:  # what reads the case says so
        return None
    return label_facts(label.array.astype(np.uint8, copy=False), label.affine)


def _told(group: OtherNumbering, label_set: LabelSet) -> dict[str, Any]:
    told = {"count": len(group.cases), "others": len(group.others), "cases": first_of(group.cases)}
    return {**told, "moved": _moved(group, label_set)}


def _moved(group: OtherNumbering, label_set: LabelSet) -> str:
    parts = [
        LabelRules.IS_OTHER.says(here=label_set.numbered([here]), there=label_set.names[there])
        for here, there in group.moved.items()
    ]
    return ", ".join(parts[:_FEW]) + (" ..." if len(parts) > _FEW else "")

"""Cases that were found in a collection, before they are split into sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from swinx.data.case_names import composed, name_fault
from swinx.rules import CollectionListRules as Rule
from swinx.visible_text import visible

__all__ = ["FoundCase", "FoundCollection", "pair_by_case"]


@dataclass(frozen=True)
class FoundCase:
    """A case of a collection.

    Attributes:
        case: Its name.
        image: Its scan.
        label: Its label: a file, or a folder of masks; None if it has none.
        section: Section of the data list that the collection gives it; None if it is for the split to decide.
        more: Further keys of its entry.
    """

    case: str
    image: Path
    label: Path | None = None
    section: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def entry(self) -> dict[str, Any]:
        """Return the case as an entry of a data list."""
        label = {} if self.label is None else {"label": str(self.label)}
        return {"case": self.case, "image": str(self.image), **label, **self.more}


@dataclass(frozen=True)
class FoundCollection:
    """Cases found in a folder.

    Attributes:
        layout: What it was recognised as.
        cases: The cases.
        labels: Label set of the collection, as plain data or a name; None if it says nothing.
        label_map: Meaning of the numbers in its label files, where they are not those of the label set.
        left_out: Case names, or paths of files that are of no case, and reasons.
        notes: What else the user should know.
    """

    layout: str
    cases: tuple[FoundCase, ...]
    labels: Any = None
    label_map: Mapping[str, Any] | None = None
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def checked(self) -> FoundCollection:
        """Return the collection without cases whose name is unusable, or stands for several."""
        kept: dict[str, FoundCase] = {}
        left_out = list(self.left_out)
        for found in self.cases:
            case = composed(found.case)
            if fault := name_fault(case):
                left_out.append((visible(found.image), fault))
            elif case in kept:
                left_out.append((visible(found.image), Rule.TWICE.says(case=case, other=visible(kept[case].image))))
            else:
                kept[case] = replace(found, case=case)
        return replace(self, cases=tuple(kept.values()), left_out=tuple(left_out))


def pair_by_case(
    images: Sequence[tuple[str, Path]], labels: Sequence[tuple[str, Path]], section: str | None = None
) -> tuple[list[FoundCase], list[tuple[str, str]]]:
    """Return a case for each scan, with its label if it has one, and what is left out.

    Args:
        images: Names of cases, and their scans.
        labels: Names of cases, and their labels.
        section: Section of the cases.
    """
    left_out: list[tuple[str, str]] = []
    by_case: dict[str, list[Path]] = {}
    for case, path in labels:
        by_case.setdefault(composed(case), []).append(path)
    found = []
    for case, image in images:
        own = by_case.get(composed(case), [])
        if len(own) > 1:
            told = Rule.TWO_LABELS.says(first=visible(own[0]), other=visible(own[1]))
            left_out.append((visible(case), told))
        else:
            found.append(FoundCase(case, image, own[0] if own else None, section))
    known = {composed(case) for case, _ in images}
    for case, paths in by_case.items():
        if case not in known:
            left_out += [(visible(path), Rule.NO_IMAGE.says(case=visible(case))) for path in paths]
    return found, left_out

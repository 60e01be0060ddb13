"""Table of annotated classes by case, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from swinx.labels import FLARE23, LabelSet

__all__ = ["annotated_table"]

_DRAWN, _PSEUDO, _NONE = "x", "p", "."


def annotated_table(items: Sequence[Mapping[str, Any]], label_set: LabelSet = FLARE23) -> str:
    """Return a table of cases and classes.

    Args:
        items: Entries of a data list, with ``case``; ``annotated`` and ``pseudo`` (class ids) and
            ``annotated_source`` as far as they are recorded.
        label_set: Classes of the entries.

    Returns:
        A row per case, in order: ``x`` for an annotated class, ``p`` for one that a network completed, ``.`` for
        neither, ``?`` in all columns if nothing is recorded; then a row of totals, and the names of the columns.
    """
    width = max([len("annotated"), *(len(str(item["case"])) for item in items)])
    ids = label_set.foreground
    lines = [f"{'case':<{width}}  " + " ".join(f"{value:>4}" for value in ids) + "  source"]
    totals = dict.fromkeys(ids, 0)
    for item in items:
        annotated, pseudo = item.get("annotated"), item.get("pseudo") or ()
        marks = []
        for value in ids:
            known = annotated is not None and value in annotated
            totals[value] += known
            marks.append("?" if annotated is None else _PSEUDO if value in pseudo else _DRAWN if known else _NONE)
        source = item.get("annotated_source", "" if annotated is None else "data list")
        lines.append(f"{item['case']:<{width}}  " + " ".join(f"{mark:>4}" for mark in marks) + f"  {source}".rstrip())
    lines.append(f"{'annotated':<{width}}  " + " ".join(f"{totals[value]:>4}" for value in ids))
    lines.append("; ".join(f"{value} {label_set.names[value]}" for value in ids))
    return "\n".join(lines)

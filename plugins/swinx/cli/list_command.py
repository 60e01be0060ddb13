"""``swinx data list``: the data list of a collection, and an account of what was found and left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from swinx.cli.front.terminal import complain, label_set_given, say
from swinx.data import ListedCollection, list_collection
from swinx.errors import DataListError
from swinx.visible_text import first_of

__all__ = ["write_lists"]

_SHOWN = 20


def write_lists(folder: str, out: str | None, labels: str | None, roots: str, overwrite: bool, **options: Any) -> None:
    """Write the data list of a folder, or those of its folds, and print what they hold.

    Args:
        folder: The collection.
        out: The list; by default ``datalist.json`` in the folder.
        labels: Label set as a command line has it; None for that of the collection.
        roots: Further folders, with commas between.
        overwrite: Replace lists that are there already.
        options: As :func:`swinx.data.list_collection` takes them.

    Raises:
        DataListError: If no case is found, or an option is unusable.
        LabelSetError: If there is no such label set.
        OSError: If a list cannot be written.
    """
    target = Path(folder) / "datalist.json" if out is None else Path(out)
    folds = options.get("folds") or 0
    targets = [target.with_name(f"{target.stem}_fold{fold}{target.suffix}") for fold in range(folds)] or [target]
    for path in targets if not overwrite else ():
        if path.exists():
            raise DataListError(f"{path} is there already; give --overwrite to replace it, or another --out")
    places = [root.strip() for root in roots.split(",") if root.strip()]
    listed = list_collection(folder, target, label_set=label_set_given(labels), roots=places, **options)
    say(_account(listed))
    for case, reason in listed.found.left_out[:_SHOWN]:
        complain(f"left out: {case}: {reason}")
    if len(listed.found.left_out) > _SHOWN:
        complain(f"left out: {len(listed.found.left_out) - _SHOWN} more, see left_out in {listed.paths[0]}")


def _account(listed: ListedCollection) -> str:
    names = listed.label_set.names[1:]
    shown = first_of(names, _SHOWN)
    counts = ", ".join(f"{count} {section}" for section, count in listed.counts.items() if count)
    fold = " in fold 0" if len(listed.paths) > 1 else ""
    lines = [f"{listed.found.layout}: {len(listed.found.cases)} cases, {len(listed.found.left_out)} left out"]
    lines += [f"classes ({listed.label_set.name or 'of the collection'}): {shown}", f"cases{fold}: {counts}"]
    return "\n".join([*lines, *listed.notes, *map(str, listed.paths)])

"""Data lists that are written: paths relative to their folder, classes as their label files have them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from swinx.data.lists.given_labels import listed_labels
from swinx.data.lists.list_entries import FILE_KEYS
from swinx.data.lists.list_file import SECTIONS
from swinx.data.lists.list_labels import data_directory
from swinx.errors import DataListError
from swinx.files import absolute_path, is_whole_disk, write_json
from swinx.labels import FLARE23, LabelSet
from swinx.rules import ListRules

__all__ = ["write_data_list"]

_CLASS_KEYS = ("annotated", "pseudo")


def write_data_list(
    path: str | os.PathLike[str],
    sections: Mapping[str, Iterable[Mapping[str, Any]]],
    base_dir: str | os.PathLike[str] | None = None,
    *,
    name: str = "",
    description: str = "",
    extra: Mapping[str, Any] | None = None,
    roots: Sequence[str | os.PathLike[str]] = (),
    label_set: LabelSet = FLARE23,
) -> None:
    """Write a data list atomically.

    Args:
        path: The JSON file to appear.
        sections: Entries of each section, as :func:`swinx.data.load_data_list` returns them.
        base_dir: Data directory; by default the folder of ``path``. Paths are written relative to it.
        name: Name of the data set.
        description: One sentence on its origin.
        extra: Further keys of the list, such as how it was made.
        roots: Further folders in which files may lie, such as that of the scans.
        label_set: Classes of the entries; one that the package knows is written as numbers and names.

    Raises:
        DataListError: If a section has another name than those in :data:`swinx.data.SECTIONS`, or a file lies outside
            ``base_dir`` and ``roots``.
    """
    if unknown := [section for section in sections if section not in SECTIONS]:
        raise DataListError(ListRules.UNKNOWN_SECTIONS.says(path=path, sections=unknown, known=", ".join(SECTIONS)))
    base = data_directory(path, base_dir)
    content: dict[str, Any] = {"name": name, "description": description}
    content["labels"] = listed_labels(label_set)
    content.update(extra or {})
    listed = {section: list(entries) for section, entries in sections.items()}
    files = [
        absolute_path(base / file)
        for found in listed.values()
        for entry in found
        for key in FILE_KEYS
        if key in entry
        for file in _files(entry[key])
    ]
    places = [base, *(place for root in roots for place in _narrow(absolute_path(root), files))]
    if roots:
        content["roots"] = [Path(os.path.relpath(place, base)).as_posix() for place in places[1:]]
    for section, entries in listed.items():
        content[section] = [_as_listed(_relative(entry, places, path), label_set, content) for entry in entries]
    write_json(path, content)


def _narrow(root: Path, files: Sequence[Path]) -> list[Path]:
    """Return the folders of a list's files, instead of a root that is too wide to allow."""
    if not is_whole_disk(root):
        return [root]
    inside = sorted({root / file.relative_to(root).parts[0] for file in files if file.is_relative_to(root)})
    return [place for folder in inside for place in _narrow(folder, files)]


def _files(value: Any) -> Iterator[Any]:
    yield from value.values() if isinstance(value, Mapping) else (value,)


def _relative(entry: Mapping[str, Any], places: Sequence[Path], path: str | os.PathLike[str]) -> dict[str, Any]:
    written = dict(entry)
    for key in FILE_KEYS:
        if isinstance(value := written.get(key), Mapping):
            written[key] = {name: _relative_path(key, file, places, path) for name, file in value.items()}
        elif key in written:
            written[key] = _relative_path(key, value, places, path)
    return written


def _relative_path(key: str, value: Any, places: Sequence[Path], path: str | os.PathLike[str]) -> str:
    file = absolute_path(places[0] / value)
    if not any(file.is_relative_to(place) for place in places):
        raise DataListError(ListRules.OUTSIDE.says(path=path, key=key, file=file, folder=places[0]))
    return Path(os.path.relpath(file, places[0])).as_posix()


def _as_listed(entry: dict[str, Any], label_set: LabelSet, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with classes as the label set has them in files, instead of class ids.

    They are numbers, but names where a label map gives the numbers of label files another meaning.
    """
    has_map = any(entry.get("label_map", content.get(key)) is not None for key in ("label_map", "label_maps"))
    if not (has_map or label_set.has_gaps):
        return entry
    numbers = dict(enumerate(label_set.names if has_map else label_set.values))
    for key in _CLASS_KEYS:
        if entry.get(key) is not None:
            entry[key] = [numbers[label] for label in entry[key]]
    return entry

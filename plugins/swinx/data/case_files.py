"""Find the scans that a user means by a file, several files, a folder or a data list."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from swinx.data.data_list import load_cases, load_data_list
from swinx.data.file_kinds import VOLUME_SUFFIXES, absolute_path, case_name, is_dicom_series, volume_suffix
from swinx.errors import DataListError

__all__ = ["find_cases", "name_scans"]

_LIST_NAME = "datalist.json"
_SHOWN = 10

PathOrPaths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def find_cases(
    source: PathOrPaths,
    data_list: str | os.PathLike[str] | None = None,
    section: str = "testing",
    must_exist: bool = False,
) -> list[dict[str, Any]]:
    """List the scans that are meant.

    Args:
        source: One file; several files or folders; a glob pattern; a folder of volumes, which may hold one
            DICOM series per subfolder or be a DICOM series itself; a folder with no volumes of its own but a
            ``datalist.json``; or a data list (``.json``).
        data_list: A data list whose paths are relative to the folder ``source``.
        section: Section of the data list.
        must_exist: Refuse files that do not exist, and unusable entries of a data list; by default they are listed
            too, for their reader to report: see :func:`swinx.data.load_cases`.

    Returns:
        Items ``{"image": path, "case": name}`` in name order, those of a data list with all their other keys.

    Raises:
        DataListError: If there are no scans, two scans have one name, or a file is missing that must exist.
    """
    if data_list is not None:
        if not isinstance(source, str | os.PathLike):
            raise DataListError(f"with a data list, give the one folder it refers to, not {len(source)} paths")
        return _listed(data_list, section, source, must_exist)
    if isinstance(source, str | os.PathLike) and Path(source).suffix.lower() == ".json":
        return _listed(source, section, None, must_exist)
    named = [source] if isinstance(source, str | os.PathLike) else list(source)
    if len(named) == 1 and (listed := Path(named[0]) / _LIST_NAME).is_file() and not _expand(os.fspath(named[0])):
        return _listed(listed, section, None, must_exist)
    items, doubles = name_scans(source)
    if doubles:
        first, other = doubles[0]
        raise DataListError(
            f"{first['image']} and {other['image']} are both the case {first['case']!r}; rename one of them"
        )
    missing = [item["image"] for item in items if not Path(item["image"]).exists()]
    if must_exist and missing:
        raise DataListError(f"{len(missing)} of the scans named do not exist: {', '.join(missing[:_SHOWN])}")
    return items


def _listed(
    path: str | os.PathLike[str], section: str, base_dir: str | os.PathLike[str] | None, must_exist: bool
) -> list[dict[str, Any]]:
    return load_data_list(path, section, base_dir) if must_exist else load_cases(path, section, base_dir)


def name_scans(source: PathOrPaths) -> tuple[list[dict[str, Any]], list[tuple[dict[str, Any], dict[str, Any]]]]:
    """List scans with their case names, and the pairs of scans that share one.

    Args:
        source: One or several files, folders or glob patterns, as for :func:`find_cases`.

    Returns:
        Items ``{"image": path, "case": name}`` in name order, one per case; and for each further scan of a
        case, the item that stands for the case and the scan's own.

    Raises:
        DataListError: If there are no scans.
    """
    named = [source] if isinstance(source, str | os.PathLike) else list(source)
    paths = [path for name in named for path in _expand(os.fspath(name))]
    if not any(path.exists() for path in paths):
        looked = ", ".join(os.fspath(name) for name in named) or "an empty list"
        raise DataListError(
            f"no scans found in {looked}; looked for {', '.join(VOLUME_SUFFIXES)} files and folders of DICOM slices"
        )
    found: dict[str, dict[str, Any]] = {}
    doubles = []
    for path in paths:
        image = absolute_path(path)
        item = {"image": str(image), "case": case_name(image)}
        first = found.setdefault(item["case"], item)
        if first["image"] != item["image"]:
            doubles.append((first, item))
    return [found[case] for case in sorted(found)], doubles


def _expand(name: str) -> list[Path]:
    path = Path(name).expanduser()
    if path.is_dir():
        return _scans_in(path)
    if not path.exists() and glob.has_magic(name):
        place = absolute_path(name)
        found = sorted(Path(place.anchor).glob(str(place.relative_to(place.anchor))))
        matches = [match for match in found if not match.name.startswith(".")]
        return [scan for match in matches for scan in (_scans_in(match) if match.is_dir() else [match])]
    return [path]


def _scans_in(folder: Path) -> list[Path]:
    if is_dicom_series(folder):
        return [folder]
    inside = sorted(folder.iterdir())
    files = [
        path for path in inside if (path.is_file() or path.is_symlink()) and volume_suffix(path) in VOLUME_SUFFIXES
    ]
    series = [path for path in inside if path.is_dir() and not path.name.startswith(".") and is_dicom_series(path)]
    return [path for path in files if not path.name.startswith(".")] + series

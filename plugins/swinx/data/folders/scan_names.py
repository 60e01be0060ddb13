"""Short and unique names of the scans found in folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from swinx.data.case_names import case_name, composed
from swinx.data.formats.file_formats import DICOM_SUFFIXES, volume_suffix
from swinx.rules import ScanFolderRules
from swinx.visible_text import first_of

__all__ = ["Scan", "name_by_place"]

_HASH = 6


@dataclass(frozen=True)
class Scan:
    """A scan that was found in a folder or named by the user.

    Attributes:
        image: Absolute path of the file, the folder of a DICOM series, or a slice that stands for its series.
        root: The folder that was given and in which it was found; None if it was named itself.
        series: Series Instance UID; empty for other files.
        fault: Why it cannot be used, as a sentence; empty if that is for its reader to find out.
    """

    image: Path
    root: Path | None = None
    series: str = ""
    fault: str = ""


def name_by_place(scans: Sequence[Scan]) -> tuple[list[str], list[str]]:
    """Return a name for each scan, and a sentence for each changed name.

    The name is that of the file or the folder. Scans that share one are called after their path below the folder that
    was given, joined by ``_``; series of one folder have their Series Instance UID at the end. What still shares a name
    has a part of the SHA-256 of its path at the end. Files of one folder that share a name, such as ``a.nii.gz`` and
    ``a.nrrd``, still do so afterwards.

    Args:
        scans: The scans.
    """
    names = [case_name(scan.image) for scan in scans]
    shared = sorted(name for name, count in Counter(names).items() if count > 1)
    common = _common_folder(scans)
    longer: list[Callable[[Scan], str]] = [
        lambda scan: _path_name(scan, common),
        lambda scan: _series_name(scan, common),
    ]
    for rename in longer:
        counts = Counter(names)
        names = [rename(scan) if counts[name] > 1 else name for scan, name in zip(scans, names, strict=True)]
    joined, names = names, _told_apart(scans, names, common)
    hashed = sorted({before for before, name in zip(joined, names, strict=True) if before != name})
    placed = [name for name in shared if names.count(name) < 2 and name not in hashed]
    return names, [
        *_tell(ScanFolderRules.RENAMED, placed, names),
        *_tell(ScanFolderRules.HASHED, hashed, names),
    ]


def _told_apart(scans: Sequence[Scan], names: Sequence[str], common: Path) -> list[str]:
    """Return the names, with a hash where different places give the same name."""
    places: dict[str, set[tuple[str, str]]] = {}
    for scan, name in zip(scans, names, strict=True):
        places.setdefault(name, set()).add(_place(scan, common))
    return [
        name
        if len(places[name]) < 2
        else f"{name}_{sha256(''.join(_place(scan, common)).encode()).hexdigest()[:_HASH]}"
        for scan, name in zip(scans, names, strict=True)
    ]


def _place(scan: Scan, common: Path) -> tuple[str, str]:
    """Return the place of a scan: its path below the common folder, without extension, and its series."""
    place = scan.image.parent if _is_slice(scan) else scan.image
    path = place.parent.relative_to(common) / case_name(place) if place != common else Path()
    return path.as_posix(), scan.series


def _common_folder(scans: Sequence[Scan]) -> Path:
    """Return the folder that holds all scans; a series counts as one folder."""
    folders = [scan.image if scan.image.is_dir() else scan.image.parent for scan in scans]
    return Path(os.path.commonpath(folders)) if folders else Path()


def _path_name(scan: Scan, common: Path) -> str:
    root = scan.root or common
    place = scan.image.parent if _is_slice(scan) else scan.image
    parts = place.relative_to(root).parts
    return composed("_".join((*parts[:-1], case_name(place)))) if parts else case_name(root)


def _is_slice(scan: Scan) -> bool:
    return not scan.image.is_dir() and (bool(scan.series) or volume_suffix(scan.image) in DICOM_SUFFIXES)


def _series_name(scan: Scan, common: Path) -> str:
    name = _path_name(scan, common)
    return f"{name}_{scan.series}" if scan.series else name


def _tell(rule: ScanFolderRules, shared: Sequence[str], names: Sequence[str]) -> list[str]:
    if not shared:
        return []
    return [rule.says(cases=first_of(shared), example=next(name for name in names if shared[0] in name))]

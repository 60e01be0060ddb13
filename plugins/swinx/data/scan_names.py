"""Names of the scans that were found in folders: short, and different from each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from swinx.case_names import composed
from swinx.data.file_kinds import case_name

__all__ = ["Scan", "name_by_place"]


@dataclass(frozen=True)
class Scan:
    """A scan that was found or named.

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
    """Return a name for each scan, and those that several had in common before.

    The name is that of the file or the folder. Scans that share one are called after their path below the folder that
    was given, joined by ``_``; series of one folder have their Series Instance UID at the end. What still shares a
    name, such as ``a.nii.gz`` and ``a.nrrd`` in one folder, is left so.

    Args:
        scans: The scans.
    """
    names = [case_name(scan.image) for scan in scans]
    shared = sorted(name for name, count in Counter(names).items() if count > 1)
    longer: list[Callable[[Scan], str]] = [_path_name, _series_name]
    for rename in longer:
        counts = Counter(names)
        names = [rename(scan) if counts[name] > 1 else name for scan, name in zip(scans, names, strict=True)]
    return names, [name for name in shared if names.count(name) < 2]


def _path_name(scan: Scan) -> str:
    if scan.root is None:
        return case_name(scan.image)
    is_series = bool(scan.series) or scan.image.is_dir()
    place = scan.image.parent if is_series and not scan.image.is_dir() else scan.image
    parts = place.relative_to(scan.root).parts
    return composed("_".join((*parts[:-1], case_name(place)))) if parts else case_name(scan.root)


def _series_name(scan: Scan) -> str:
    return f"{_path_name(scan)}_{scan.series}" if scan.series else _path_name(scan)

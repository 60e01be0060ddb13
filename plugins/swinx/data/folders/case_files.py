"""Cases of a file, several files, a folder or a data list."""

from __future__ import annotations

import glob
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from swinx.data.case_names import name_fault
from swinx.data.dicom.dicom_folder import is_dicom_file
from swinx.data.dicom.dicom_scans import dicom_scans_in, one_of_each_series
from swinx.data.folders.named_paths import PathOrPaths, named_paths, volumes_in
from swinx.data.folders.scan_folders import FoundScans, scans_below, sort_volumes
from swinx.data.folders.scan_names import Scan, name_by_place
from swinx.data.formats.file_formats import format_of, is_volume_file, volume_suffixes
from swinx.data.lists.data_list import has_cases, load_cases, load_data_list
from swinx.errors import DataListError
from swinx.files import absolute_path
from swinx.labels import LabelSet
from swinx.rules import ScanFolderRules
from swinx.visible_text import first_of, visible

__all__ = ["find_cases", "name_scans"]

_LIST_NAME = "datalist.json"

_logger = logging.getLogger(__name__)


def find_cases(
    source: PathOrPaths,
    data_list: str | os.PathLike[str] | None = None,
    section: str | Sequence[str] = "testing",
    must_exist: bool = False,
    output_dir: str | os.PathLike[str] | None = None,
    label_set: LabelSet | None = None,
    hu: bool = True,
) -> list[dict[str, Any]]:
    """Return the cases of an input; one line of the log says what was found and skipped.

    Args:
        source: One file; several files or folders; a glob pattern; a folder, in which every volume file
            and every DICOM CT series is a case, in subfolders, too; a folder with no scans of its own but a
            ``datalist.json``; or a data list (``.json``). A slice stands for its series.
        data_list: A data list whose paths are relative to the folder ``source``.
        section: Section of the data list, or several, of which those that the list has are taken.
        must_exist: Refuse files that do not exist, and unusable entries of a list; by default they are cases, too,
            which fail with their reason.
        output_dir: Folder for the results of the run, which is not searched.
        label_set: Classes to use for the entries of a data list; by default the list's own.
        hu: In folders of DICOM, CT series are cases; False for settings or weights of other scans: then MR series are,
            and CT series where a folder has no MR.

    Returns:
        Items ``{"image": path, "case": name}`` in name order, DICOM series that were found in a folder with their UID
        as ``"series"``, those of a data list with all their other keys. An unusable one has the reason as ``"fault"``.

    Raises:
        DataListError: If there are no scans; with ``must_exist``, if two scans have one name or a file is missing.
    """
    if data_list is not None:
        if not isinstance(source, str | os.PathLike):
            raise DataListError(f"with a data list, give the one folder it refers to, not {len(source)} paths")
        return _listed(data_list, section, must_exist, source, label_set)
    named = named_paths(source)
    if len(named) == 1 and named[0].suffix.lower() == ".json":
        return _listed(named[0], section, must_exist, None, label_set)
    if len(named) == 1 and (named[0] / _LIST_NAME).is_file() and not _has_scans(named[0], hu):
        return _listed(named[0] / _LIST_NAME, section, must_exist, None, label_set)
    items = name_scans(source, output_dir, hu)
    missing = [item["image"] for item in items if not Path(item["image"]).exists()]
    if must_exist and missing:
        raise DataListError(f"{len(missing)} of the scans named do not exist: {first_of(missing)}")
    if must_exist and (faults := [item["fault"] for item in items if "fault" in item]):
        raise DataListError(faults[0])
    return items


def name_scans(
    source: PathOrPaths, output_dir: str | os.PathLike[str] | None = None, hu: bool = True
) -> list[dict[str, Any]]:
    """List scans with their case names.

    Args:
        source: One or several files, folders or glob patterns, as for :func:`find_cases`.
        output_dir: Folder for the results of the run, which is not searched.
        hu: As for :func:`find_cases`.

    Returns:
        Items as of :func:`find_cases` in name order, one per case; one that stands for several files has a fault.

    Raises:
        DataListError: If there are no scans.
    """
    found = _find(source, None if output_dir is None else Path(output_dir), hu)
    named = [source] if isinstance(source, str | os.PathLike) else list(source)
    looked = first_of(named) or "an empty list"
    if found.scans and not glob.has_magic(looked) and not any(scan.image.exists() for scan in found.scans):
        raise DataListError(ScanFolderRules.MISSING.says(looked=looked))
    if not any(scan.image.exists() for scan in found.scans):
        none = ScanFolderRules.NONE.says(looked=looked, suffixes=", ".join(volume_suffixes()))
        raise DataListError(none + _tell_skipped(found.skipped))
    names, told = name_by_place(found.scans)
    _logger.info(
        "scans in %s: %s%s%s",
        looked,
        _count(found.scans),
        _tell_skipped(found.skipped),
        "".join(f"; {t}" for t in told),
    )
    cases: dict[str, list[Scan]] = {}
    for scan, name in zip(found.scans, names, strict=True):
        cases.setdefault(name, []).append(scan)
    return [_item(case, cases[case]) for case in sorted(cases)]


def _item(case: str, scans: Sequence[Scan]) -> dict[str, Any]:
    """Return the item of a case; a name that several files share, or that is no valid name, is a fault."""
    first = scans[0]
    fault = first.fault or (f"{visible(first.image)}: {unusable}" if (unusable := name_fault(case)) else "")
    if len(scans) > 1:
        others = ", ".join(visible(scan.image) for scan in scans[:-1])
        fault = ScanFolderRules.ONE_NAME.says(first=others, other=visible(scans[-1].image), case=case)
    told = {"series": first.series, "fault": fault}
    return {"image": str(first.image), "case": case, **{key: value for key, value in told.items() if value}}


def _listed(
    path: str | os.PathLike[str],
    section: str | Sequence[str],
    must_exist: bool,
    base_dir: str | os.PathLike[str] | None,
    label_set: LabelSet | None,
) -> list[dict[str, Any]]:
    load = load_data_list if must_exist else load_cases
    if isinstance(section, str):
        return load(path, section, base_dir=base_dir, label_set=label_set)
    present = [name for name in section if has_cases(path, name)]
    if not present:
        raise DataListError(f"{path}: has no cases in the sections {', '.join(section)}")
    items: dict[str, dict[str, Any]] = {}
    for name in present:
        for item in load(path, name, base_dir=base_dir, label_set=label_set):
            items.setdefault(item["case"], item)
    return list(items.values())


def _has_scans(folder: Path, hu: bool) -> bool:
    return bool(volumes_in(folder) or dicom_scans_in(folder, folder, hu=hu).scans)


def _find(source: PathOrPaths, output_dir: Path | None, hu: bool) -> FoundScans:
    found = FoundScans()
    known: set[Path] = set()
    for name in [source] if isinstance(source, str | os.PathLike) else source:
        for inside in _named(os.fspath(name), output_dir, hu):
            found.skipped += inside.skipped
            found.scans += [scan for scan in inside.scans if scan.image not in known]
            known |= {scan.image for scan in inside.scans}
    found.scans = _once_each_series(found.scans)
    return found


def _once_each_series(scans: Sequence[Scan]) -> list[Scan]:
    """Return the scans, with a series once although several of its slices were named."""
    slices = [scan.image for scan in scans if scan.root is None and is_dicom_file(scan.image)]
    if len(slices) < 2:
        return list(scans)
    others = [scan for scan in scans if scan.image not in slices]
    known = {(scan.image if scan.image.is_dir() else scan.image.parent, scan.series) for scan in others}
    series = one_of_each_series(slices)
    return others + [Scan(path, series=uid) for path, uid in series if (path.parent, uid) not in known]


def _named(name: str, output_dir: Path | None, hu: bool) -> Iterator[FoundScans]:
    """Return the scans of one path or pattern; matches of a pattern are filtered like files of a folder."""
    paths = [absolute_path(path) for path in named_paths(name)]
    files = [path for path in paths if not path.is_dir()]
    yield from (scans_below(path, output_dir, hu) for path in paths if path.is_dir())
    if paths != [absolute_path(name)] and files:
        matched = FoundScans([Scan(path) for path in files if is_dicom_file(path)])
        root = Path(os.path.commonpath([path.parent for path in files]))
        sort_volumes([path for path in files if is_volume_file(path)], root, matched)
        yield matched
    elif files:
        yield FoundScans([Scan(path) for path in files])


def _count(scans: Sequence[Scan]) -> str:
    kinds = Counter(map(_kind, scans))
    parts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return f"{len(scans)} ({parts})"


def _kind(scan: Scan) -> str:
    row = format_of(scan.image)
    return "DICOM series" if row is None else row.name


def _tell_skipped(skipped: Sequence[str]) -> str:
    if not skipped:
        return ""
    return f"; skipped {len(skipped)}: {first_of(skipped)}"

"""Scans below a folder, of all formats and at any depth."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from swinx.data.dicom.dicom_scans import DicomScan, dicom_scans_in
from swinx.data.folders.label_content import holds_labels
from swinx.data.folders.named_paths import volumes_in
from swinx.data.folders.no_scans import is_label_folder, is_named_as_mask, made_by_swinx, no_files_in
from swinx.data.folders.scan_names import Scan
from swinx.data.formats.file_formats import volume_suffix
from swinx.files import absolute_path, real_path
from swinx.rules import ScanFolderRules

__all__ = ["FoundScans", "scans_below", "sort_volumes"]

_SLOW_SECONDS = 3.0


@dataclass
class FoundScans:
    """Scans, and a sentence for each file that could be mistaken for one."""

    scans: list[Scan] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def scans_below(folder: Path, output_dir: Path | None = None, hu: bool = True) -> FoundScans:
    """Find the scans in a folder and its subfolders.

    A scan is a volume file or a DICOM CT series. Links are followed, each folder is entered once.
    Skipped are: hidden files and folders; folders of labels (``labelsTr``); the output folder; what swinx wrote and has
    a record of; DICOM objects that are no CT images, localizers and copies of series; segmentations by name or content
    and single slices, unless there is nothing else.

    Args:
        folder: The folder.
        output_dir: Folder for the results of the run.
        hu: As for :func:`swinx.data.find_cases`.
    """
    root, found = absolute_path(folder), FoundScans()
    volumes: list[Path] = []
    series: list[DicomScan] = []
    called_as_files: list[Path] = []
    for place in _walk(root, output_dir, found.skipped):
        shown = place.relative_to(root)
        if shown.parts and volume_suffix(place):
            called_as_files.append(place)
        for path, detail in no_files_in(place):
            found.skipped.append(ScanFolderRules.NO_FILE.says(place=path.relative_to(root), detail=detail))
        volumes += volumes_in(place)
        inside = dicom_scans_in(place, shown, progress=True, hu=hu)
        series += inside.scans
        found.skipped += inside.skipped
    for place in called_as_files:
        if not any(image.is_relative_to(place) for image in [*volumes, *(scan.image for scan in series)]):
            found.skipped.append(ScanFolderRules.FOLDER.says(place=place.relative_to(root)))
    sort_volumes(volumes, root, found)
    _sort_series(series, root, found)
    return found


def sort_volumes(volumes: list[Path], root: Path, found: FoundScans) -> None:
    """Sort volumes into scans and skipped files.

    Segmentations count where there is nothing else.

    Args:
        volumes: The files.
        root: The folder in which they were found.
        found: Is added to.
    """
    scans, masks = [], {}
    for path in tqdm(volumes, desc="scans", unit="file", delay=_SLOW_SECONDS, leave=False):
        shown = path.relative_to(root)
        if (record := made_by_swinx(path)) is not None:
            found.skipped.append(ScanFolderRules.OWN.says(place=shown, record=record.name))
        elif is_named_as_mask(path):
            masks[path] = ScanFolderRules.MASK_NAME.says(place=shown)
        elif holds_labels(path):
            masks[path] = ScanFolderRules.MASK_CONTENT.says(place=shown)
        else:
            scans.append(path)
    if scans:
        found.skipped += masks.values()
    found.scans += [Scan(path, root) for path in scans or masks]


def _sort_series(series: list[DicomScan], root: Path, found: FoundScans) -> None:
    """Add the series that are scans, each once; single slices count only where there is nothing else."""
    others = bool(found.scans) or any(not scan.is_single for scan in series)
    wholes: dict[str, list[DicomScan]] = {}
    for scan in series:
        place = scan.image.relative_to(root)
        if scan.is_single and others:
            found.skipped.append(ScanFolderRules.ONE_SLICE.says(place=place))
            continue
        before = wholes.setdefault(scan.series, []) if scan.series else []
        if copied := next((other for other in before if scan.instances <= other.instances), None):
            found.skipped.append(ScanFolderRules.COPY.says(place=place, other=copied.image.relative_to(root)))
            continue
        before.append(scan)
        found.scans.append(Scan(scan.image, root, scan.series))
    for uid, parts in wholes.items():
        if len(parts) > 1:
            folders = " and ".join(str(_folder_of(part)) for part in parts)
            fault = ScanFolderRules.SPLIT.says(series=uid, folders=folders)
            split = {part.image for part in parts}
            found.scans = [Scan(s.image, s.root, s.series, fault) if s.image in split else s for s in found.scans]


def _folder_of(scan: DicomScan) -> Path:
    return scan.image if scan.image.is_dir() else scan.image.parent


def _walk(root: Path, output_dir: Path | None, skipped: list[str]) -> Iterator[Path]:
    """Yield the folders that may hold scans, in name order; record which are skipped."""
    output = None if output_dir is None else real_path(output_dir)
    entered = {real_path(root)}

    def tell(error: OSError) -> None:
        place = os.path.relpath(error.filename or root, root)
        skipped.append(ScanFolderRules.CLOSED.says(place=place, detail=error.strerror or error))

    for name, folders, _ in os.walk(root, onerror=tell, followlinks=True):
        place = Path(name)
        kept = []
        for inside in sorted(folders):
            below, real = place / inside, real_path(place / inside)
            shown = below.relative_to(root)
            if inside.startswith(".") or real in entered:
                continue
            entered.add(real)
            if real == output:
                skipped.append(ScanFolderRules.OUTPUT.says(place=shown))
            elif is_label_folder(below):
                skipped.append(ScanFolderRules.LABEL_FOLDER.says(place=shown))
            else:
                kept.append(inside)
        folders[:] = kept
        yield place

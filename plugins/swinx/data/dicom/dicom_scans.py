"""Series of scans, CT or MR, and other DICOM objects of a folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from swinx.data.dicom.dicom_damage import may_be_slices
from swinx.data.dicom.dicom_folder import DicomFolder, Slices, read_dicom_folder
from swinx.data.dicom.dicom_headers import SliceHeader, read_header
from swinx.errors import CaseError
from swinx.rules import ScanFolderRules

__all__ = ["ANY_SCAN", "DicomScan", "DicomScans", "dicom_scans_in", "of_kind", "one_of_each_series", "wanted_kinds"]

ANY_SCAN = ("CT", "MR")
"""Modalities of scans, whatever a network was trained on; CT comes first."""

_DIRECTORY = "1.2.840.10008.1.3.10"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@dataclass(frozen=True)
class DicomScan:
    """One series of CT, or of MR.

    Attributes:
        image: The folder, if it holds no other such series; else one of the slices, which stands for its series. A
            single slice stands for itself.
        series: Series Instance UID; empty where only damaged slices are left, whose reader names them.
        instances: UIDs of the slices.
        is_single: Whether it is one slice, and no scan if there are others.
    """

    image: Path
    series: str = ""
    instances: frozenset[str] = frozenset()
    is_single: bool = False


@dataclass
class DicomScans:
    """The DICOM content of a folder.

    Attributes:
        scans: The series, in order of their first files.
        skipped: A sentence for each object, or series of objects, that is no scan of the wanted kind.
    """

    scans: list[DicomScan] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def dicom_scans_in(folder: Path, shown: Path, progress: bool = False, hu: bool = True) -> DicomScans:
    """Sort the DICOM files that lie directly in a folder by series.

    Args:
        folder: The folder.
        shown: Its path in messages.
        progress: Show a bar where reading the headers takes long.
        hu: Take CT alone, which is in HU; False takes the MR series of the folder, and CT where there is none.
    """
    found = read_dicom_folder(folder, progress)
    kinds = wanted_kinds(found, hu)
    reasons = {uid: _no_scan(slices, shown, kinds) for uid, slices in found.series.items()}
    kept = [uid for uid, reason in reasons.items() if not reason]
    result = DicomScans(skipped=[reason for reason in reasons.values() if reason])
    alone = sum(of_kind(slices[0], kinds) for slices in found.series.values()) == 1
    for uid in kept:
        slices = found.series[uid]
        single = len(slices) == 1 and slices[0].frames in ("", "1")
        instances = frozenset(header.instance or header.path for header in slices)
        image = folder if alone and not single else Path(slices[0].path)
        result.scans.append(DicomScan(image, uid, instances, single))
    result.skipped += [_tell_object(header, shown) for header in found.others]
    _tell_damage(found, folder, shown, result)
    return result


def one_of_each_series(files: Iterable[Path]) -> list[tuple[Path, str]]:
    """Return the first slice of each series among some slices, with the UID of its series.

    What cannot be read counts only in a folder of which nothing else is given: the reader of a series names damage.
    """
    found: dict[tuple[Path, str], Path] = {}
    for path in files:
        try:
            uid = read_header(str(path)).series
        except CaseError:
            uid = ""
        found.setdefault((path.parent, uid), path)
    readable = {folder for folder, uid in found if uid}
    return [(path, uid) for (folder, uid), path in found.items() if uid or folder not in readable]


def of_kind(header: SliceHeader, kinds: Collection[str]) -> bool:
    """Return whether a slice is of one of some modalities; one without a modality counts as CT."""
    return (header.modality or "CT") in kinds


def wanted_kinds(found: DicomFolder, hu: bool | None) -> tuple[str, ...]:
    """Return the modality of the series of a folder that count as scans.

    Args:
        found: The folder.
        hu: Only CT, which is in HU; False for MR, and CT where there is no MR; None for CT, and MR where there is none.
    """
    order = ("CT",) if hu else ANY_SCAN if hu is None else ANY_SCAN[::-1]
    there = [kind for kind in order if any(of_kind(slices[0], [kind]) for slices in found.series.values())]
    return tuple(there[:1]) or order


def _no_scan(slices: Slices, shown: Path, kinds: Collection[str]) -> str:
    """Return why a series of images is no scan of some modalities; empty if it is one."""
    first = slices[0]
    several = f"{len(slices)} files" + (f" of {shown}" if shown.parts else "")
    place = shown / first.name if len(slices) == 1 else several
    if not of_kind(first, kinds):
        return ScanFolderRules.NO_CT.says(place=place, kind=first.modality)
    if first.storage_class.startswith(_SECONDARY_CAPTURE) and not any(header.position for header in slices):
        return ScanFolderRules.NO_CT.says(place=place, kind="secondary capture")
    if all("LOCALIZER" in header.image_type.upper().split("\\") for header in slices):
        return ScanFolderRules.LOCALIZER.says(place=place)
    return ""


def _tell_object(header: SliceHeader, shown: Path) -> str:
    if header.storage_class == _DIRECTORY:
        return ScanFolderRules.DIRECTORY.says(place=shown / header.name)
    return ScanFolderRules.NO_CT.says(place=shown / header.name, kind=header.modality or "no image")


def _tell_damage(found: DicomFolder, folder: Path, shown: Path, result: DicomScans) -> None:
    """Leave damaged files that may be slices to the reader, which refuses them by name; log the others."""
    slices = may_be_slices(found.faults, (), ())
    if slices and not result.scans:
        result.scans.append(DicomScan(folder))
    result.skipped += [
        ScanFolderRules.DAMAGED.says(place=shown / path.name) for path in found.faults if path not in slices
    ]

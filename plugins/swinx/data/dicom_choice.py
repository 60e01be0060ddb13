"""Which DICOM series of a folder is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from swinx.data.dicom_damage import tell_unreadable, unreadable_slices
from swinx.data.dicom_headers import SliceHeader, read_header
from swinx.data.file_kinds import dicom_files, is_dicom_series
from swinx.data.itk_geometry import sitk
from swinx.errors import CaseError

__all__ = ["choose_series", "pick_series"]

Files = tuple[str, ...]

_SHOWN = 10


def choose_series(place: Path, series: str | None = None) -> tuple[Files, tuple[str, ...]]:
    """Return the files of one CT series.

    Args:
        place: A folder, or one slice, which stands for its series.
        series: Series Instance UID; by default the series of the slice, or the longest CT series of the folder.

    Returns:
        The files, in no order; and notes: which series was taken, if there are several.

    Raises:
        CaseError: If there is no such series, none is CT, several CT series are equally long, or a file that may be
            one of the slices cannot be read.
    """
    if not place.exists():
        raise CaseError(place, "no such file or folder")
    folder = place if place.is_dir() else place.parent
    if place.is_file():
        own = read_header(str(place)).series
        if series not in (None, own):
            raise CaseError(place, f"is a slice of the series {own}, not of {series}; give its folder instead")
        series = own
    found = _series_in(folder)
    if not found:
        _refuse_damage(place, folder, found, ())
        raise CaseError(place, "no DICOM slices in this folder" if place.is_dir() else "not a DICOM file")
    firsts = {uid: read_header(files[0]) for uid, files in found.items()}
    if series is not None:
        if series not in found:
            raise CaseError(place, f"has no DICOM series {series}; it has {_list(found, firsts, found)}")
        if not _is_ct(firsts[series]):
            raise CaseError(place, f"the DICOM series {series} is {firsts[series].modality}, not CT")
        _refuse_damage(place, folder, found, [series])
        return found[series], ()
    return _longest_ct(place, folder, found, firsts)


def pick_series(items: Iterable[Mapping[str, Any]], series: str | None = None) -> list[dict[str, Any]]:
    """Let each case that is a DICOM folder be the series with one UID.

    Args:
        items: Cases with an ``"image"``, as :func:`swinx.data.find_cases` lists them.
        series: Series Instance UID; None leaves all cases as they are.

    Returns:
        The cases; where a folder was, one of the series' slices, which stands for the series.

    Raises:
        CaseError: If a folder has no such series.
    """
    picked = [dict(item) for item in items]
    for item in picked if series is not None else ():
        place = Path(item["image"])
        if place.is_dir() and is_dicom_series(place):
            item["image"] = sorted(choose_series(place, series)[0])[0]
    return picked


def _longest_ct(
    place: Path, folder: Path, found: Mapping[str, Files], firsts: Mapping[str, SliceHeader]
) -> tuple[Files, tuple[str, ...]]:
    scans = sorted((uid for uid in found if _is_ct(firsts[uid])), key=lambda uid: len(found[uid]), reverse=True)
    if not scans:
        raise CaseError(place, f"no CT in this folder, but {_list(found, firsts, found)}")
    _refuse_damage(place, folder, found, scans)  # of all of them: which is the longest depends on it
    chosen = scans[0]
    if len(scans) > 1 and len(found[scans[1]]) == len(found[chosen]):
        raise CaseError(
            place,
            f"{len(scans)} DICOM series of CT, two of them equally long: {_list(scans, firsts, found)}; "
            "give the path of one slice of the series that is meant, or its UID (--series UID)",
        )
    if len(scans) == 1:
        return found[chosen], ()
    others = _list(scans[1:], firsts, found)
    return found[chosen], (f"{len(scans)} DICOM series of CT: took {_list([chosen], firsts, found)} and not {others}",)


def _series_in(folder: Path) -> dict[str, Files]:
    if next(dicom_files(folder), None) is None:  # ITK prints a warning when it finds nothing
        return {}
    generator = sitk.ImageSeriesReader
    return {uid: generator.GetGDCMSeriesFileNames(str(folder), uid) for uid in generator.GetGDCMSeriesIDs(str(folder))}


def _refuse_damage(place: Path, folder: Path, found: Mapping[str, Files], wanted: Sequence[str]) -> None:
    if damaged := unreadable_slices(folder, found, wanted):
        raise CaseError(place, tell_unreadable(damaged))


def _is_ct(header: SliceHeader) -> bool:
    return header.modality in ("CT", "")  # without a modality nothing speaks against it


def _list(uids: Iterable[str], firsts: Mapping[str, SliceHeader], found: Mapping[str, Files]) -> str:
    listed = [
        f"{uid} ({firsts[uid].modality or 'no modality'} of {len(found[uid])} files"
        + (f", {firsts[uid].description!r})" if firsts[uid].description else ")")
        for uid in uids
    ]
    return ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")

"""Choice of one DICOM series in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from swinx.data.dicom.dicom_damage import may_be_slices, tell_unreadable
from swinx.data.dicom.dicom_folder import DicomFolder, Slices, read_dicom_folder
from swinx.data.dicom.dicom_headers import read_header
from swinx.data.dicom.dicom_scans import ANY_SCAN, of_kind, wanted_kinds
from swinx.data.formats.file_formats import is_volume_file
from swinx.errors import CaseError, DataListError
from swinx.rules import SeriesChoiceRules, SeriesRules, VolumeFileRules
from swinx.visible_text import first_of

__all__ = ["choose_series", "pick_series"]


def choose_series(place: Path, series: str | None = None, hu: bool | None = True) -> tuple[Slices, tuple[str, ...]]:
    """Return the slices of one series of a scan.

    Args:
        place: A folder, or one slice, which stands for its series.
        series: Series Instance UID; by default the series of the slice, or the longest CT series of the folder.
        hu: Accept CT alone, which is in HU; False takes MR, and CT where there is no MR; None takes either, CT first.

    Returns:
        The headers, in name order; and notes: which series was taken, if there are several.

    Raises:
        CaseError: If there is no such series, none is a scan of that kind, several of these are equally long, or a file
            that may be one of the slices cannot be read.
    """
    if not place.exists():
        raise CaseError(place, VolumeFileRules.MISSING.says())
    folder = place if place.is_dir() else place.parent
    if place.is_file():
        own = read_header(str(place)).series
        if series not in (None, own):
            raise CaseError(place, SeriesChoiceRules.OTHER_SLICE.says(own=own, series=series))
        series = own
    found = read_dicom_folder(folder)
    if not found.series:
        _refuse_damage(place, found, ())
        raise CaseError(place, (SeriesChoiceRules.NO_SLICES if place.is_dir() else SeriesChoiceRules.NO_IMAGE).says())
    if series is not None:
        if series not in found.series:
            raise CaseError(place, SeriesChoiceRules.NOT_HERE.says(series=series, found=_list(found.series, found)))
        if not of_kind(found.series[series][0], ("CT",) if hu else ANY_SCAN):
            kind = found.series[series][0].modality
            rule = SeriesChoiceRules.NOT_CT if hu else SeriesChoiceRules.NO_SCAN_OF
            raise CaseError(place, rule.says(series=series, kind=kind))
        _refuse_damage(place, found, [series])
        return found.series[series], ()
    return _longest(place, found, hu)


def pick_series(items: Iterable[Mapping[str, Any]], series: str | None = None) -> list[dict[str, Any]]:
    """Return the cases whose image is the DICOM series with a UID.

    Args:
        items: Cases with an ``"image"``, as :func:`swinx.data.find_cases` lists them.
        series: Series Instance UID; None leaves all cases as they are.

    Returns:
        The cases whose image is that series: a folder with no other, or one of its slices. A name that had the UID at
        its end loses it.

    Raises:
        DataListError: If no case is that series; the message lists those that there are.
    """
    cases = [dict(item) for item in items]
    if series is None:
        return cases
    there = [_series_of(item) for item in cases]
    picked = [
        {**item, "image": images[series], "series": series, "case": str(item["case"]).removesuffix(f"_{series}")}
        for item, images in zip(cases, there, strict=True)
        if series in images
    ]
    if not picked:
        uids = [uid for images in there for uid in images]
        raise DataListError(SeriesRules.NOT_THERE.says(series=series, shown=first_of(uids) or "none"))
    return picked


def _series_of(item: Mapping[str, Any]) -> dict[str, str]:
    """Return the images of the series that a case may stand for, by UID."""
    if "series" in item:
        return {item["series"]: item["image"]}
    if "image" not in item:  # an unusable entry of a data list
        return {}
    place = Path(item["image"])
    if place.is_dir():
        return {uid: slices[0].path for uid, slices in read_dicom_folder(place).series.items()}
    if not place.is_file() or is_volume_file(place):
        return {}
    try:
        return {read_header(str(place)).series: item["image"]}
    except CaseError:
        return {}


def _longest(place: Path, found: DicomFolder, hu: bool | None) -> tuple[Slices, tuple[str, ...]]:
    series = found.series
    kinds = wanted_kinds(found, hu)
    scans = sorted((uid for uid in series if of_kind(series[uid][0], kinds)), key=lambda uid: -len(series[uid]))
    if not scans:
        rule = SeriesChoiceRules.NO_CT if hu else SeriesChoiceRules.NO_SCAN
        raise CaseError(place, rule.says(found=_list(series, found)))
    _refuse_damage(place, found, scans)  # of all of them: which is the longest depends on it
    chosen = scans[0]
    if len(scans) > 1 and len(series[scans[1]]) == len(series[chosen]):
        told = {"count": len(scans), "kind": kinds[0], "found": _list(scans, found)}
        raise CaseError(place, SeriesChoiceRules.EQUALLY_LONG.says(**told))
    if len(scans) == 1:
        return series[chosen], ()
    taken, others = _list([chosen], found), _list(scans[1:], found)
    told = {"count": len(scans), "kind": kinds[0], "taken": taken, "others": others}
    return series[chosen], (SeriesChoiceRules.LONGEST.says(**told),)


def _refuse_damage(place: Path, found: DicomFolder, wanted: Sequence[str]) -> None:
    others = [uid for uid in found.series if uid not in wanted]
    kinds = {found.series[uid][0].storage_class for uid in wanted}
    if damaged := may_be_slices(found.faults, wanted, others, kinds):
        raise CaseError(place, tell_unreadable(damaged))


def _list(uids: Iterable[str], found: DicomFolder) -> str:
    listed = []
    for uid in uids:
        slices = found.series[uid]
        text = f", {slices[0].description!r})" if slices[0].description else ")"
        listed.append(f"{uid} ({slices[0].modality or 'no modality'} of {len(slices)} files{text}")
    return first_of(listed)

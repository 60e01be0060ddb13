"""Read a DICOM series as one volume, and refuse a series that is none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swinx.data.file_kinds import dicom_files
from swinx.data.itk_geometry import affine_from_itk, array_from_itk, sitk
from swinx.errors import CaseError

__all__ = ["find_slice_faults", "read_dicom_series"]

_SERIES_UID, _POSITION, _ORIENTATION = "0020|000e", "0020|0032", "0020|0037"

_GAP_TOLERANCE = 0.1
"""Part of the usual slice distance by which one distance may differ; headers round to 0.01 mm or so."""

_SIDEWAYS_TOLERANCE = 0.01
"""Sideways drift of the slice positions per mm along the stack; more is a tilted gantry (0.6 degrees)."""


def read_dicom_series(place: Path) -> tuple[NDArray[Any], NDArray[np.float64], tuple[str, ...]]:
    """Read the series in a folder, or the one that a slice belongs to.

    Args:
        place: Folder whose files are slices, or one of those files.

    Returns:
        Voxels after rescaling to HU in ``(x, y, z)`` index order, the RAS affine, and notes: which
        series was taken, if the folder has several.

    Raises:
        CaseError: If there is no series, several are equally long, or the slices do not make a
            regular volume.
    """
    folder = place if place.is_dir() else place.parent
    series = _series_in(folder)
    if not series:
        raise CaseError(place, "no DICOM slices in this folder" if place.is_dir() else "not a DICOM file")
    names, notes = _choose(place, series)
    if len(names) == 1:
        raise CaseError(place, "single slice: the DICOM series has one file; convert a multi-frame file to NIfTI first")
    positions, orientations = _slice_geometry(names)
    if faults := find_slice_faults(positions, orientations):
        raise CaseError(place, "; ".join(faults))
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(names)
    image = reader.Execute()
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise CaseError(place, f"{image.GetNumberOfComponentsPerPixel()} values per voxel (RGB); a CT has one")
    return array_from_itk(image), affine_from_itk(image), notes


def find_slice_faults(positions: NDArray[np.float64], orientations: NDArray[np.float64]) -> list[str]:
    """Return why slices do not stack into a volume of even spacing; an empty list if they do.

    Args:
        positions: Patient position of the first voxel of each slice in mm, in stack order, ``(N, 3)``.
        orientations: Direction cosines of the row and the column axis of each slice, ``(N, 6)``.

    Examples:
        >>> axial = np.tile([1.0, 0, 0, 0, 1, 0], (4, 1))
        >>> find_slice_faults(np.array([[0, 0, 0], [0, 0, 2], [0, 0, 6], [0, 0, 8]]), axial)
        ['slices are not evenly spaced: 2 mm as a rule, but 4 mm after slice 2; 1 of 3 gaps differ (missing slices?)']
    """
    if not np.allclose(orientations, orientations[0], atol=1e-3):
        return ["slices are not parallel to each other"]
    normal = np.cross(orientations[0, :3], orientations[0, 3:])
    steps = np.diff(positions, axis=0)
    gaps = np.abs(steps @ normal)
    usual = float(np.median(gaps))
    if usual == 0:
        return ["slices share one position; the series may hold several phases"]
    uneven = np.flatnonzero(np.abs(gaps - usual) > _GAP_TOLERANCE * usual)
    if uneven.size:
        return [
            f"slices are not evenly spaced: {usual:.4g} mm as a rule, but {gaps[uneven[0]]:.4g} mm after slice "
            f"{uneven[0] + 1}; {uneven.size} of {gaps.size} gaps differ (missing slices?)"
        ]
    whole = positions[-1] - positions[0]
    along = float(whole @ normal)
    if np.linalg.norm(whole - along * normal) > _SIDEWAYS_TOLERANCE * abs(along):
        return ["slices are shifted sideways (tilted gantry); resample the series to a straight volume first"]
    return []


def _series_in(folder: Path) -> dict[str, tuple[str, ...]]:
    if next(dicom_files(folder), None) is None:  # ITK prints a warning when it finds nothing
        return {}
    generator = sitk.ImageSeriesReader
    return {uid: generator.GetGDCMSeriesFileNames(str(folder), uid) for uid in generator.GetGDCMSeriesIDs(str(folder))}


def _choose(place: Path, series: dict[str, tuple[str, ...]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if place.is_file():
        uid = _tags([str(place)], _SERIES_UID)[0].strip("\0 ")
        if uid not in series:
            raise CaseError(place, "its DICOM series is not in its folder")
        return series[uid], ()
    longest = sorted(series, key=lambda uid: len(series[uid]), reverse=True)
    chosen = longest[0]
    if len(longest) == 1:
        return series[chosen], ()
    if len(series[longest[1]]) == len(series[chosen]):
        raise CaseError(
            place, f"{len(series)} DICOM series, two of them equally long; put each into a folder of its own"
        )
    others = ", ".join(str(len(series[uid])) for uid in longest[1:])
    note = (
        f"{len(series)} DICOM series in this folder: took {chosen} with {len(series[chosen])} slices (others: {others})"
    )
    return series[chosen], (note,)


def _slice_geometry(names: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    positions = [_numbers(text) for text in _tags(names, _POSITION)]
    orientations = [_numbers(text) for text in _tags(names, _ORIENTATION)]
    return np.array(positions, dtype=np.float64), np.array(orientations, dtype=np.float64)


def _tags(names: Sequence[str], tag: str) -> list[str]:
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    values = []
    for name in names:
        reader.SetFileName(str(name))
        reader.ReadImageInformation()
        if not reader.HasMetaDataKey(tag):
            raise CaseError(name, f"DICOM tag ({tag.replace('|', ',')}) is missing from {Path(name).name}")
        values.append(str(reader.GetMetaData(tag)))
    return values


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split("\\")]

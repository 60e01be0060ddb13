"""Volumes from files of any format and DICOM series."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from swinx.data.dicom.dicom_series import read_dicom_series
from swinx.data.formats.file_formats import format_of, volume_suffix, volume_suffixes
from swinx.data.formats.format_faults import one_line, refuse_faults
from swinx.errors import CaseError
from swinx.files import check_regular, expanded
from swinx.geometry import (
    find_grid_faults,
    find_grid_notes,
    find_image_faults,
    find_image_notes,
    find_label_faults,
)
from swinx.labels import FLARE23, ClassNumbers, class_numbers
from swinx.rules import VolumeFileRules

__all__ = ["ANY_NUMBERS", "Volume", "VolumeKind", "read_volume"]

ANY_NUMBERS = ClassNumbers({number: number for number in range(1 << 16)})
"""Numbers of label maps of which nothing is known; with ``allow_unknown``, 255 may be among them."""

VolumeKind = Literal["image", "label"]


@dataclass(frozen=True)
class Volume:
    """A 3D array with its stored geometry.

    Attributes:
        array: Voxels in ``(x, y, z)`` index order, the order of ``affine``'s columns; the stored dtype
            if that is an integer, else float32. Class ids that differ from the numbers in the file are uint8.
        affine: Voxel indices to RAS millimetres, ``(4, 4)`` float64.
        notes: What a user should know though the volume is usable.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    notes: tuple[str, ...] = ()


def read_volume(
    path: str | os.PathLike[str],
    kind: VolumeKind = "image",
    allow_empty: bool = False,
    allow_unknown: bool = False,
    numbers: ClassNumbers | None = None,
    max_ram_mb: float | None = None,
    set_name: str = "",
    hu: bool = True,
    trained: bool = False,
) -> Volume:
    """Read and check one volume.

    The size in the header is compared with that of the file before memory is allocated, and checksums of
    compressed files are compared while they are read.

    Args:
        path: A file of a format in ``swinx.data.formats.file_formats.FORMATS``, a folder with one DICOM series, or one
            slice of a series. Of several series in a folder the longest is read.
        kind: ``"label"`` also checks the numbers of a label map, and makes them class ids.
        allow_empty: Accept a label map without a voxel of any class.
        allow_unknown: Accept voxels of :data:`swinx.labels.UNKNOWN` (255) in a label map, as refined labels have.
        numbers: What the numbers of a label map mean, see :func:`swinx.labels.class_numbers`; by default those of
            FLARE-23. :data:`ANY_NUMBERS` lets all numbers stay what they are.
        max_ram_mb: Refuse what would take the resident memory of this process over so many MiB; by default, what
            the machine has no memory for.
        set_name: Name of the label set, for messages.
        hu: The scan is a CT: note values that are no HU. False for other scans; then MR series are read, too.
        trained: Weights that are trained already will segment it: notes do not advise other settings of a training.

    Returns:
        A volume without faults; its ``notes`` name what is unusual about header, grid and values.

    Raises:
        CaseError: If the file is missing, damaged or no image, or has a fault that
            :mod:`swinx.geometry.volume_checks` or :mod:`swinx.geometry.patient_grid` find; all of them are named.
    """
    place = expanded(path)
    _check_presence(place)
    try:
        volume = _decode(place, max_ram_mb, hu or kind == "label")
    except CaseError as error:
        raise CaseError(path, error.reason) from error.__cause__
    except Exception as error:  # decoders raise whatever the bytes lead them into; all of it means: unreadable
        row = format_of(place)
        named = "DICOM series" if row is None else f"{row.name} file"
        told = VolumeFileRules.DAMAGED.says(kind=named, detail=one_line(error))
        raise CaseError(path, told) from error
    faults = find_grid_faults(volume.affine, volume.array.shape, of_scan=kind == "image")
    if kind == "label":
        numbers = numbers or class_numbers(FLARE23)
        faults += find_label_faults(volume.array, numbers, allow_empty, allow_unknown, set_name)
    else:
        faults += find_image_faults(volume.array)
    refuse_faults(place, faults)
    if kind == "label":
        if numbers is None or numbers is ANY_NUMBERS or numbers.is_identity:
            return volume
        return replace(volume, array=_ids(volume.array, numbers))
    notes = (*find_grid_notes(volume.affine, volume.array.shape), *find_image_notes(volume.array, hu, trained))
    return replace(volume, notes=(*volume.notes, *notes))


def _check_presence(place: Path) -> None:
    if not place.exists():
        raise CaseError(place, VolumeFileRules.MISSING.says())
    if not place.is_dir():
        try:
            check_regular(place)
        except OSError as error:
            raise CaseError(place, str(error).removeprefix(f"{place}: ")) from error
    if place.is_file() and place.stat().st_size == 0:
        raise CaseError(place, VolumeFileRules.EMPTY.says())
    if place.is_file() and not volume_suffix(place) and place.suffix:
        formats = ", ".join(volume_suffixes())
        raise CaseError(place, VolumeFileRules.UNKNOWN_KIND.says(suffix=place.suffix, formats=formats))


def _decode(place: Path, max_ram_mb: float | None, hu: bool) -> Volume:
    row = None if place.is_dir() else format_of(place)
    read = read_dicom_series(place, max_ram_mb, hu) if row is None else row.read(place, max_ram_mb)
    array, affine, notes = read
    return Volume(_as_stored(array), affine, notes)


def _as_stored(array: NDArray[Any]) -> NDArray[Any]:
    """Return the voxels in native byte order and at most single precision; scans hold no more."""
    if array.dtype.kind == "f":
        return array.astype(np.float32, copy=False)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _ids(array: NDArray[Any], numbers: ClassNumbers) -> NDArray[np.uint8]:
    """Return class ids slice by slice, since a table of a whole scan's voxels needs eight times its memory."""
    ids = np.empty(array.shape, dtype=np.uint8, order="F")
    for index in range(array.shape[-1]):
        ids[..., index] = numbers.to_ids(array[..., index])
    return ids

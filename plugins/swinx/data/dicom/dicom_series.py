"""DICOM series as volumes; a series that makes no volume is refused."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swinx.data.dicom.dicom_choice import choose_series
from swinx.data.dicom.dicom_damage import tell_unreadable, undecodable_slices
from swinx.data.dicom.dicom_headers import SliceHeader, has_preamble
from swinx.data.dicom.dicom_padding import fill_padding
from swinx.data.dicom.slice_stack import find_slice_faults, slice_order, stack_affine
from swinx.data.formats.decoder_warnings import caught_decoder_warnings
from swinx.data.formats.itk_geometry import array_from_itk, import_sitk
from swinx.data.formats.stored_bytes import check_memory
from swinx.errors import CaseError
from swinx.geometry import check_spacing
from swinx.rules import ByteRules, RescaleRules, SliceRules, ValueRules

__all__ = ["SliceStack", "read_dicom_series", "stack_slices"]

_JPEG = tuple(f"1.2.840.10008.1.2.4.{kind}" for kind in (50, 51, 57, 70))


@dataclass(frozen=True)
class SliceStack:
    """Slices of one series as a grid, before any pixel is read.

    Attributes:
        headers: One per slice, along the normal of the slices.
        affine: Voxel (column, row, slice) to RAS millimetres, ``(4, 4)``.
        notes: What a user should know: other series, files that were left out, lossy compression.
    """

    headers: tuple[SliceHeader, ...]
    affine: NDArray[np.float64]
    notes: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """The slices, in stack order."""
        return tuple(header.path for header in self.headers)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Columns, rows, slices."""
        return (*self.headers[0].size, len(self.headers))


def read_dicom_series(
    place: Path, max_ram_mb: float | None = None, hu: bool = True
) -> tuple[NDArray[Any], NDArray[np.float64], tuple[str, ...]]:
    """Read the series in a folder, or the one that a slice belongs to.

    Args:
        place: Folder whose files are slices, or one of those files.
        max_ram_mb: As :func:`swinx.data.read_volume` has it.
        hu: Read CT, and refuse values that are not in HU; False reads MR, too, with the scale that its slices state.

    Returns:
        Voxels after rescaling, to HU for a CT, in ``(x, y, z)`` index order, the RAS affine, and notes.

    Raises:
        CaseError: As :func:`stack_slices`; or if the pixels cannot be decoded or are not in HU.
    """
    stack = stack_slices(place, hu=hu)
    check_memory(place, math.prod(stack.shape), 4, max_ram_mb)
    try:
        image, corrupt = _decode(stack)
    except RuntimeError as error:
        damaged = undecodable_slices(stack.files)
        if 0 < len(damaged) < len(stack.files):
            raise CaseError(place, tell_unreadable(damaged)) from error
        if not has_preamble(Path(stack.files[0])):
            raise CaseError(place, RescaleRules.NO_PREAMBLE.says()) from error
        raise CaseError(place, RescaleRules.UNDECODABLE.says(syntax=stack.headers[0].syntax_note)) from error
    if corrupt:
        raise CaseError(place, ByteRules.JPEG.says(detail=corrupt[0]))
    array = array_from_itk(image)
    _check_slopes(place, stack.headers)
    if not hu:
        return array, stack.affine, stack.notes
    notes = (*stack.notes, *_check_rescaling(place, stack.headers, array), *_rescaling_notes(stack.headers))
    array, filled = fill_padding(array, stack.headers)
    return array, stack.affine, (*notes, *filled)


def _decode(stack: SliceStack) -> tuple[Any, list[str]]:
    """Return the image and the warnings of its decoder."""
    sitk = import_sitk()
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(stack.files)
    if len({(header.slope, header.intercept, header.signed) for header in stack.headers}) > 1:
        reader.SetOutputPixelType(sitk.sitkFloat32)  # else the first slice decides, and fractions of others are cut off
    if not any(header.syntax in _JPEG for header in stack.headers):
        return reader.Execute(), []
    with caught_decoder_warnings() as corrupt:
        image = reader.Execute()
    return image, corrupt


def stack_slices(place: Path, series: str | None = None, hu: bool | None = True) -> SliceStack:
    """Return the grid into which the files of a series stack.

    Files with instance UID and position of another are copies of it, and localizers are no slices: both are left
    out, with a note.

    Args:
        place: Folder whose files are slices, or one of those files.
        series: Series Instance UID, where the folder has several.
        hu: The kind of scan, see :func:`swinx.data.dicom.dicom_choice.choose_series`.

    Raises:
        CaseError: If there is no series, it is not clear which is meant, or its slices differ in size, spacing or
            frame of reference, are multi-frame or colour images, or do not make a regular volume.
    """
    found, notes = choose_series(place, series, hu)
    headers, left_out = _slices(found)
    _check_frames(place, headers)
    _check_agreement(place, headers)
    positions = np.array([header.numbers("position", 3) for header in headers])
    orientations = np.array([header.numbers("orientation", 6) for header in headers])
    order = slice_order(positions, orientations)
    positions, orientations = positions[order], orientations[order]
    if faults := find_slice_faults(positions, orientations):
        raise CaseError(place, "; ".join(faults))
    spacing = headers[0].numbers("pixel_spacing", 2)
    if faults := check_spacing([spacing[1], spacing[0], 1.0]):  # an affine does not tell the sign
        raise CaseError(place, "; ".join(faults))
    affine = stack_affine(positions, orientations, spacing)
    if not headers[0].modality:
        left_out = (*left_out, SliceRules.NO_MODALITY.says())
    if any(header.lossy == "01" for header in headers):
        left_out = (*left_out, SliceRules.LOSSY.says())
    return SliceStack(tuple(headers[index] for index in order), affine, (*notes, *left_out))


def _slices(headers: Sequence[SliceHeader]) -> tuple[list[SliceHeader], tuple[str, ...]]:
    scouts = [header for header in headers if "LOCALIZER" in header.image_type.split("\\")]
    rest = [header for header in headers if header not in scouts] if len(scouts) < len(headers) else list(headers)
    once = {(header.instance or header.path, header.position): header for header in reversed(rest)}
    notes = []
    if len(rest) < len(headers):
        notes.append(SliceRules.LOCALIZERS.says(count=len(headers) - len(rest), first=scouts[0].name))
    if copies := len(rest) - len(once):
        notes.append(SliceRules.COPIES.says(count=copies))
    return list(once.values())[::-1], tuple(notes)


def _check_frames(place: Path, headers: Sequence[SliceHeader]) -> None:
    for header in headers:
        if header.frames not in ("", "1"):
            raise CaseError(place, SliceRules.MULTI_FRAME.says(name=header.name, frames=header.frames))
        if header.samples not in (None, 1):
            raise CaseError(place, SliceRules.COLOURS.says(name=header.name, samples=header.samples))
        if header.photometric not in ("", "MONOCHROME2"):  # ITK inverts MONOCHROME1
            raise CaseError(place, ValueRules.PHOTOMETRIC.says(name=header.name, kind=header.photometric))
        if header.bits_allocated not in (None, 8, 16, 32) or (header.bits_stored or 0) > (header.bits_allocated or 16):
            raise CaseError(
                place,
                ValueRules.BITS.says(name=header.name, stored=header.bits_stored, allocated=header.bits_allocated),
            )
        if header.bits_stored and header.high_bit not in (None, header.bits_stored - 1):  # GDCM shifts nothing
            told = {"stored": header.bits_stored, "high": header.high_bit, "last": header.bits_stored - 1}
            raise CaseError(place, ValueRules.HIGH_BIT.says(name=header.name, **told))
    if len(headers) == 1:
        raise CaseError(place, SliceRules.ONE_SLICE.says())


def _check_agreement(place: Path, headers: Sequence[SliceHeader]) -> None:
    first = headers[0]
    spacing = first.numbers("pixel_spacing", 2)
    for header in headers[1:]:
        faults = {
            "size": header.size != first.size,
            "pixel spacing": not np.allclose(header.numbers("pixel_spacing", 2), spacing, rtol=1e-3),
            "frame of reference": header.frame_of_reference != first.frame_of_reference,
        }
        if differing := [name for name, fault in faults.items() if fault]:
            told = SliceRules.DIFFER.says(what=" and ".join(differing), first=first.name, other=header.name)
            raise CaseError(place, told)


def _rescaling_notes(headers: Sequence[SliceHeader]) -> tuple[str, ...]:
    """Return notes on slices with a rescaling of their own, which CT scanners do not write."""
    counts = Counter((header.slope, header.intercept) for header in headers)
    if len(counts) == 1:
        return ()
    usual = counts.most_common(1)[0][0]
    other = next(header.name for header in headers if (header.slope, header.intercept) != usual)
    return (ValueRules.RESCALING.says(count=len(counts), name=other),)


def _check_slopes(place: Path, headers: Sequence[SliceHeader]) -> None:
    for header in headers:
        slope, intercept = (
            header.numbers(name, 1)[0] if getattr(header, name) else 1.0 for name in ("slope", "intercept")
        )
        if slope == 0 or not np.isfinite([slope, intercept]).all():
            raise CaseError(place, ValueRules.SLOPE.says(name=header.name, slope=slope, intercept=intercept))


def _check_rescaling(place: Path, headers: Sequence[SliceHeader], array: NDArray[Any]) -> tuple[str, ...]:
    """Refuse values that are not HU; ``US`` means unspecified and is written by ITK and anonymisers."""
    if strange := {header.rescale_type for header in headers} - {"", "HU", "US"}:
        raise CaseError(place, RescaleRules.UNIT.says(units=", ".join(sorted(strange))))
    missing = [header for header in headers if not (header.slope and header.intercept)]
    if not missing:
        return ()
    if len(missing) < len(headers) or array.min() >= 0:
        raise CaseError(
            place,
            RescaleRules.NOT_RESCALED.says(
                missing=len(missing), count=len(headers), first=missing[0].name, low=array.min()
            ),
        )
    return (RescaleRules.TAKEN_AS_HU.says(),)

"""Voxels and grids of NIfTI files, with what their headers contradict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.openers import ImageOpener
from numpy.typing import NDArray

from swinx.data.formats.format_faults import one_line, refuse_faults
from swinx.data.formats.stored_bytes import check_claim, check_memory, check_surplus, read_gzip
from swinx.files import open_regular
from swinx.geometry import (
    GRID_TOLERANCE_VOXELS,
    check_affine,
    check_spacing,
    find_shape_faults,
    grid_difference_mm,
    voxel_sizes_mm,
)
from swinx.rules import ByteRules, GeometryRules, ValueRules, VolumeFileRules

__all__ = ["nifti_grid", "read_nifti"]

_GZIP = b"\x1f\x8b"
_MAGIC = {344: (b"n+1\0", b"ni1\0"), 4: (b"n+2\0", b"ni2\0")}
"""Marks of NIfTI-1 and NIfTI-2 by their place in the file."""

_HEADER_AGREEMENT = 0.01
"""Relative difference between the spacing field of a NIfTI header and its affine that is rounding."""

_OTHER_UNITS = {1: "metres", 3: "micrometres"}
"""NIfTI's codes of units of length other than mm."""


def read_nifti(
    place: Path, max_ram_mb: float | None = None
) -> tuple[NDArray[Any], NDArray[np.float64], tuple[str, ...]]:
    """Read a NIfTI file.

    Args:
        place: The file.
        max_ram_mb: As :func:`swinx.data.read_volume` has it.

    Returns:
        Voxels ``(x, y, z)``, rescaled as the header says; the RAS affine; notes on the header.

    Raises:
        CaseError: If the file holds fewer or more voxels than its header states, is damaged, or is no one volume.
        Exception: Whatever nibabel raises on a header that is none.
    """
    is_compressed = place.suffix.lower() == ".gz"
    refuse_faults(place, _name_faults(place, is_compressed))
    found: Any = nib.load(place)
    stored = found.dataobj.dtype
    channels = len(stored.fields) if stored.fields is not None else 1
    shape = _without_single_volumes(found.shape)
    refuse_faults(place, find_shape_faults(shape, channels))
    with ImageOpener(str(place)) as stream:  # nibabel silently replaces a spacing of 0 by 1 mm: look at what is stored
        header = type(found.header).from_fileobj(stream, check=False)
    sizes_mm = np.asarray(header["pixdim"][1:4], dtype=np.float64)
    refuse_faults(place, [*check_spacing(sizes_mm), *_slope_faults(place, header)])
    offset = int(found.dataobj.offset)
    if offset < header.single_vox_offset:  # its own header would be read as voxels
        refuse_faults(place, [ByteRules.OFFSET.says(offset=offset, least=header.single_vox_offset)])
    promised = offset + math.prod(shape) * stored.itemsize
    check_claim(place, promised, place.stat().st_size, "zlib" if is_compressed else "raw")
    check_memory(place, math.prod(shape), stored.itemsize, max_ram_mb)
    affine = np.array(found.affine, dtype=np.float64)
    notes = _header_notes(header, sizes_mm, affine, shape)
    if not is_compressed:
        array, stored_bytes = _voxels(found), place.stat().st_size
    else:
        array, stored_bytes = read_gzip(place, lambda stream: _voxels(type(found).from_stream(stream)))
    check_surplus(place, promised, stored_bytes, shape, stored.itemsize)
    return array.reshape(shape, order="A"), affine, tuple(notes)


def nifti_grid(place: Path) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """Return the affine and the shape of a NIfTI file by its header alone.

    Raises:
        Exception: Whatever nibabel raises on a header that is none.
    """
    found: Any = nib.load(place)
    return np.array(found.affine, dtype=np.float64), _without_single_volumes(found.shape)


def _name_faults(place: Path, is_compressed: bool) -> list[str]:
    """Return how the end of a file's name contradicts its content."""
    with open_regular(place) as stream:
        head = stream.read(max(_MAGIC) + 4)
    if head.startswith(_GZIP) and not is_compressed:
        return [VolumeFileRules.COMPRESSED.says(name=f"{place.name}.gz")]
    if is_compressed and any(head[start : start + 4] in marks for start, marks in _MAGIC.items()):
        return [VolumeFileRules.NOT_COMPRESSED.says(name=place.name[: -len(".gz")])]
    return []


def _slope_faults(place: Path, header: Any) -> list[str]:
    """Return the fault of an infinite slope, which nibabel takes for none; 0 and NaN mean that there is none."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    return [ValueRules.SLOPE.says(name=place.name, slope=slope, intercept=intercept)] if math.isinf(slope) else []


def _without_single_volumes(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape without axes of time and channels of length 1, which some exports have."""
    kept = list(shape)
    while len(kept) > 3 and kept[-1] == 1:
        kept.pop()
    return tuple(kept)


def _voxels(image: Any) -> NDArray[Any]:
    data, kind = image.dataobj, image.dataobj.dtype.kind
    whole = kind in "iub" and not data.inter and data.slope == 1
    array: NDArray[Any] = np.asarray(data) if whole or kind == "c" else image.get_fdata(dtype=np.float32)
    return array


def _header_notes(
    header: Any, sizes_mm: NDArray[np.float64], affine: NDArray[np.float64], shape: Sequence[int]
) -> list[str]:
    notes = []
    codes = int(header["sform_code"]), int(header["qform_code"])
    if codes == (0, 0):
        notes.append(GeometryRules.NO_ORIENTATION.says())
    elif not np.allclose(sizes_mm, voxel_sizes_mm(affine), rtol=_HEADER_AGREEMENT):
        written, used = (" x ".join(f"{size:g}" for size in sizes) for sizes in (sizes_mm, voxel_sizes_mm(affine)))
        notes.append(GeometryRules.HEADER_SPACING.says(written=written, used=used))
    if min(codes) > 0 and not check_affine(affine, shape):
        notes += _qform_notes(header, affine, shape)
    if unit := _OTHER_UNITS.get(int(header["xyzt_units"]) % 8):
        notes.append(GeometryRules.UNIT.says(unit=unit))
    return notes


def _qform_notes(header: Any, affine: NDArray[np.float64], shape: Sequence[int]) -> list[str]:
    try:
        qform = header.get_qform()
    except Exception as error:  # of numbers that are no rotation
        return [GeometryRules.NO_QFORM.says(detail=one_line(error))]
    distance = grid_difference_mm(affine, shape, qform, shape)
    same = distance <= GRID_TOLERANCE_VOXELS * voxel_sizes_mm(affine).min()
    return [] if same else [GeometryRules.TWO_FORMS.says(distance=distance)]

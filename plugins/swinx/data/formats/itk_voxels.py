"""Voxels and grids of NRRD and MetaImage files, with every byte checked.

They are not left to ITK: its reader of MetaImage goes by the stated size of the compressed bytes, prints "Uncompress
failed" and returns what the memory held before, which may be another scan.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from swinx.data.formats.format_faults import refuse_faults
from swinx.data.formats.itk_geometry import affine_from_itk, array_from_itk, import_sitk
from swinx.data.formats.itk_headers import DataPart, StoredVolume, read_itk_header
from swinx.data.formats.stored_bytes import check_claim, check_memory, check_surplus
from swinx.errors import CaseError
from swinx.files import open_regular
from swinx.geometry import check_spacing, find_shape_faults
from swinx.rules import ByteRules, LabelFolderRules, VolumeFileRules

__all__ = ["itk_files", "read_itk"]

_CHUNK = 1 << 16  # at most 66 MB when decompressed
_ANY_HEAD = 47  # zlib tells its own head from that of gzip
_BETWEEN = b"\0\r\n "
_SLICER_SEGMENT = "Segment0_ID"


def read_itk(
    image_io: str, place: Path, max_ram_mb: float | None = None
) -> tuple[NDArray[Any], NDArray[np.float64], tuple[str, ...]]:
    """Read an NRRD or MetaImage file.

    Args:
        image_io: ITK's name of the format; it opens whatever else it knows under any name.
        place: The file.
        max_ram_mb: As :func:`swinx.data.read_volume` has it.

    Returns:
        Voxels ``(x, y, z)``; the RAS affine; notes on the header.

    Raises:
        CaseError: If the header is invalid, or the files hold fewer or more voxels, or are damaged.
        Exception: Whatever ITK raises on a header that is none.
    """
    header = read_itk_header(place)
    refuse_faults(place, header.faults)
    _check_places(place, header)  # before ITK opens what a detached header names
    reader = import_sitk().ImageFileReader()
    reader.SetImageIO(image_io)
    reader.SetFileName(str(place))
    reader.ReadImageInformation()
    channels = reader.GetNumberOfComponents()
    if channels > 1 and reader.HasMetaDataKey(_SLICER_SEGMENT):
        refuse_faults(place, [LabelFolderRules.LAYERS.says(layers=channels)])
    refuse_faults(place, find_shape_faults(reader.GetSize(), channels))
    refuse_faults(place, check_spacing(reader.GetSpacing()))
    if header.shape != tuple(reader.GetSize()):
        raise ValueError(VolumeFileRules.TWO_SIZES.says(shape=header.shape, other=reader.GetSize()))
    check_memory(place, math.prod(header.shape), header.dtype.itemsize, max_ram_mb)
    array = array_from_itk(reader.Execute()) if header.encoding == "other" else _read_voxels(place, header)
    return array, affine_from_itk(reader), header.notes


def itk_files(place: Path) -> list[Path]:
    """Return an NRRD or MetaImage file and the files of voxels that it names."""
    try:
        parts = read_itk_header(place).parts
    except ValueError:  # damaged: its reader will say so
        return [place]
    return [place, *(place.parent / part.name for part in parts if part.name)]


def _check_places(path: Path, header: StoredVolume) -> None:
    """Refuse a header whose data lie elsewhere, are missing, or cannot have the stated size."""
    least = {"text": 2 * header.size // header.dtype.itemsize - 1, "other": 2 * header.size}  # a digit and a blank; hex
    for part in header.parts:
        place = _place(path, part)
        stored = place.stat().st_size - (part.start or 0)
        promised = least.get(header.encoding, header.size)
        check_claim(path, promised // len(header.parts), stored, header.encoding)


def _read_voxels(path: Path, header: StoredVolume) -> NDArray[Any]:
    """Read the voxels that a header describes; single precision if they are rescaled."""
    each = header.size // len(header.parts)
    content = b"".join(_read_part(path, part, header, each) for part in header.parts)
    array: NDArray[Any] = np.frombuffer(content, header.dtype).reshape(header.shape[::-1]).transpose()
    slope, intercept = header.rescale
    if (slope, intercept) == (1.0, 0.0):
        return array.astype(header.dtype.newbyteorder("="), copy=False)
    return array.astype(np.float32) * np.float32(slope) + np.float32(intercept)


def _read_part(path: Path, part: DataPart, header: StoredVolume, promised: int) -> bytes:
    place = _place(path, part)
    with open_regular(place) as stream:
        start = place.stat().st_size - promised if part.start is None else part.start
        stream.seek(max(start, 0))
        if header.encoding == "zlib":
            content = _decompress(path, stream)
        elif header.encoding == "text":
            content = np.array(stream.read().split(), dtype=header.dtype).tobytes()
        else:
            content = stream.read()
    if len(content) < promised:
        raise CaseError(path, ByteRules.SHORT.says(promised=promised, found=len(content)))
    shape = header.shape if len(header.parts) == 1 else header.shape[:-1]
    check_surplus(path, promised, len(content), shape, header.dtype.itemsize)
    return content[:promised]


def _place(path: Path, part: DataPart) -> Path:
    if not part.name:
        return path
    if Path(part.name).name != part.name or "\\" in part.name or part.name in (".", ".."):
        raise CaseError(path, ByteRules.OUTSIDE.says(name=part.name[:99]))
    place = path.parent / part.name
    if not place.is_file():
        raise CaseError(path, ByteRules.MISSING_DATA.says(name=part.name[:99]))
    return place


def _decompress(path: Path, stream: BinaryIO) -> bytes:
    """Decompress streams of zlib or gzip, and verify their checksums."""
    found, decompressor = bytearray(), zlib.decompressobj(_ANY_HEAD)
    try:
        while data := stream.read(_CHUNK):
            while data:
                if decompressor.eof:
                    if not data.strip(_BETWEEN):
                        break
                    decompressor = zlib.decompressobj(_ANY_HEAD)  # a further member
                found += decompressor.decompress(data)
                data = decompressor.unused_data if decompressor.eof else b""
    except zlib.error as error:
        raise CaseError(path, ByteRules.CHECKSUM.says(detail=error)) from error
    if not decompressor.eof:
        raise CaseError(path, ByteRules.CHECKSUM.says(detail="its compressed voxels end early"))
    return bytes(found)

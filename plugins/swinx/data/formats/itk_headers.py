"""Headers of NRRD and MetaImage files: voxels, where these are stored, and missing fields.

ITK takes defaults for what is missing, and leaves voxels as the memory was where it cannot read them. Sources: the
definition of NRRD (teem.sourceforge.net/nrrd/format.html) and of MetaImage (itk.org/Wiki/ITK/MetaIO/Documentation).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from swinx.rules import ByteRules, GeometryRules, VolumeFileRules

__all__ = ["DataPart", "Encoding", "StoredVolume", "read_itk_header"]

Encoding = Literal["raw", "zlib", "text", "other"]

_LONGEST_HEADER = 1 << 20
_NRRD_TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
_NRRD_ENCODINGS: dict[str, Encoding] = {
    "raw": "raw",
    **dict.fromkeys(("gzip", "gz"), "zlib"),
    **dict.fromkeys(("txt", "text", "ascii"), "text"),
    "hex": "other",
}
_META_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    **dict.fromkeys(("MET_INT", "MET_LONG"), "i4"),
    **dict.fromkeys(("MET_UINT", "MET_ULONG"), "u4"),
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_ANATOMICAL = {"right-anterior-superior", "ras", "left-anterior-superior", "las", "left-posterior-superior", "lps"}
_MILLIMETRES = {"", "mm", "millimeter", "millimeters", "millimetre", "millimetres", "?", "none", "nan"}
_NUMBERED = re.compile(r"[^%]*%0?\d{0,2}[di][^%]*")


@dataclass(frozen=True)
class DataPart:
    """One file with voxels of a volume.

    Attributes:
        name: As the header writes it; empty for the file of the header itself.
        start: First byte of the voxels; None if they are the last bytes of the file.
    """

    name: str
    start: int | None


@dataclass(frozen=True)
class StoredVolume:
    """A volume as its header describes it.

    Attributes:
        shape: Voxels along each axis, the fastest first.
        channels: Values per voxel.
        dtype: Of a stored value, with its byte order.
        encoding: How the voxels are stored; ``"other"`` is left to ITK, which checks it.
        parts: The files that hold the voxels, which share them evenly.
        rescale: Slope and intercept that make the stored values HU.
        faults: Why the header can't be used.
        notes: What a user should know of it.
    """

    shape: tuple[int, ...]
    channels: int
    dtype: np.dtype[np.generic]
    encoding: Encoding
    parts: tuple[DataPart, ...]
    rescale: tuple[float, float] = (1.0, 0.0)
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the voxels before compression, as the header states them."""
        return math.prod(self.shape) * self.channels * self.dtype.itemsize


def read_itk_header(path: Path) -> StoredVolume:
    """Read the header of an NRRD or MetaImage file; the content decides which it is.

    Raises:
        ValueError: If it is no such header, or a field is missing or invalid.
        OSError: If the file cannot be read.
    """
    with path.open("rb") as stream:
        is_nrrd = stream.read(4) == b"NRRD"
        stream.seek(0)
        return _read_nrrd(stream) if is_nrrd else _read_meta(stream)


class _Fields(dict[str, str]):
    """Fields of a header by name."""

    def __missing__(self, name: str) -> str:
        raise ValueError(VolumeFileRules.FIELD.says(name=name))


def _read_nrrd(stream: BinaryIO) -> StoredVolume:
    fields = _Fields()
    listed: list[str] = []
    for line in _lines(stream):
        if not line:
            break
        if line.startswith("#") or ":=" in line or ":" not in line:
            continue
        name, value = (word.strip() for word in line.split(":", 1))
        key = name.lower().replace(" ", "")
        fields[key] = value
        if key == "datafile" and value.upper().startswith("LIST"):
            listed = [word for word in _lines(stream) if word]
    encoding = _NRRD_ENCODINGS.get(fields["encoding"].lower())
    if encoding is None:
        raise ValueError(VolumeFileRules.ENCODING.says(encoding=fields["encoding"]))
    if int(fields.get("lineskip", 0)):
        raise ValueError(VolumeFileRules.LINE_SKIP.says())
    shape = _shape(fields["sizes"])
    dtype = _type(fields["type"].lower(), _NRRD_TYPES, fields.get("endian", "").lower() == "big")
    skipped = int(fields.get("byteskip", 0))
    if "datafile" in fields:
        names = listed or _names(fields["datafile"], shape)
        parts = [DataPart(name, _start(skipped)) for name in names]
    else:
        parts = [DataPart("", None if skipped == -1 else _start(stream.tell() + skipped, stream.tell()))]
    faults, notes = _judge_nrrd(fields, len(shape))
    return StoredVolume(
        shape, 1, dtype, encoding, tuple(parts), faults=(*faults, *_part_faults(parts, shape)), notes=notes
    )


def _judge_nrrd(fields: dict[str, str], axes: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    needed = min(axes, 3)
    if "spacedirections" in fields:
        vectors = re.findall(r"none|\([^)]*\)", fields["spacedirections"])
        stated = [vector for vector in vectors if vector != "none" and len(_finite(vector.strip("()"), ",")) >= needed]
    else:
        stated = [str(number) for number in _finite(fields.get("spacings", ""))]
    faults = () if len(stated) >= needed else (GeometryRules.NO_SPACING.says(kind="NRRD"),)
    notes = []
    space = fields.get("space", "").lower().removesuffix("-time").removesuffix("t")
    if "spacedirections" not in fields or space not in _ANATOMICAL:
        notes.append(GeometryRules.NO_ORIENTATION.says())
    units = {word.strip('"') for word in fields.get("spaceunits", fields.get("units", "")).lower().split()}
    if strange := units - _MILLIMETRES:
        notes.append(GeometryRules.UNIT.says(unit=", ".join(sorted(strange))))
    return faults, tuple(notes)


def _read_meta(stream: BinaryIO) -> StoredVolume:
    fields = _Fields()
    for line in _lines(stream):
        name, sign, value = (word.strip() for word in line.partition("="))
        if not sign:
            raise ValueError(VolumeFileRules.NO_ASSIGNMENT.says(line=line[:40]))
        fields[name] = value
        if name == "ElementDataFile":
            break
    shape = _shape(fields["DimSize"])
    data = fields["ElementDataFile"]
    skipped = int(fields.get("HeaderSize", 0))
    if data.upper() == "LOCAL":  # a header size counts from the beginning of the file
        parts = [DataPart("", _start(skipped or stream.tell(), stream.tell()))]
    else:
        listed = [word for word in _lines(stream) if word] if data.upper().startswith("LIST") else _names(data, shape)
        parts = [DataPart(name, _start(skipped)) for name in listed]
    encoding: Encoding = "zlib" if _is_true(fields, "CompressedData") else "raw"
    if not _is_true(fields, "BinaryData", True):
        encoding = "text"
    big = _is_true(fields, "BinaryDataByteOrderMSB") or _is_true(fields, "ElementByteOrderMSB")
    dtype = _type(fields["ElementType"].removesuffix("_ARRAY"), _META_TYPES, big)
    slope, offset = (float(fields.get(f"ElementToIntensityFunction{key}", default)) for key, default in _RESCALE)
    spacing = _finite(fields.get("ElementSpacing", fields.get("ElementSize", "")))
    faults = () if len(spacing) >= min(len(shape), 3) else (GeometryRules.NO_SPACING.says(kind="MetaImage"),)
    oriented = any(key in fields for key in ("TransformMatrix", "Rotation", "Orientation"))
    notes = [] if oriented else [GeometryRules.NO_ORIENTATION.says()]
    if (unit := fields.get("DistanceUnits", "").lower()) not in _MILLIMETRES:
        notes.append(GeometryRules.UNIT.says(unit=unit))
    return StoredVolume(
        shape,
        int(fields.get("ElementNumberOfChannels", 1)),
        dtype,
        encoding,
        tuple(parts),
        (slope, offset),
        (*faults, *_part_faults(parts, shape)),
        tuple(notes),
    )


_RESCALE = (("Slope", "1"), ("Offset", "0"))


def _type(name: str, known: Mapping[str, str], big: bool) -> np.dtype[np.generic]:
    if name not in known:
        raise ValueError(VolumeFileRules.ELEMENT_TYPE.says(kind=name[:40]))
    return np.dtype(known[name]).newbyteorder(">" if big else "<")


def _start(offset: int, least: int = 0) -> int | None:
    """Return the first byte of voxels; None for -1, which means that they are the last bytes.

    Raises:
        ValueError: If it lies before ``least``.
    """
    if offset == -1:
        return None
    if offset < least:
        raise ValueError(ByteRules.OFFSET.says(offset=offset, least=least))
    return offset


def _shape(text: str) -> tuple[int, ...]:
    shape = tuple(int(word) for word in text.split())
    if not shape or min(shape) < 1:
        raise ValueError(VolumeFileRules.HEADER_SIZE.says(size=text))
    return shape


def _is_true(fields: dict[str, str], name: str, default: bool = False) -> bool:
    return fields.get(name, str(default)).lower().startswith(("t", "1"))


def _finite(text: str, separator: str | None = None) -> list[float]:
    numbers = []
    for word in text.split(separator):
        try:
            numbers.append(float(word))
        except ValueError:
            continue
    return [number for number in numbers if math.isfinite(number)]


def _part_faults(parts: Sequence[DataPart], shape: Sequence[int]) -> tuple[str, ...]:
    if parts and shape[-1] % len(parts) == 0:
        return ()
    return (ByteRules.PARTS.says(found=len(parts), promised=shape[-1]),)


def _names(pattern: str, shape: Sequence[int]) -> list[str]:
    """Return the names of ``name%03d.raw FIRST LAST STEP``, at most one more than slices, or the one name."""
    words = pattern.split()
    if "%" not in pattern or len(words) < 3:
        return [pattern.removeprefix("./")]
    if not _NUMBERED.fullmatch(words[0]):
        raise ValueError(VolumeFileRules.PATTERN.says(pattern=words[0][:40]))
    first, last, step = int(words[1]), int(words[2]), int(words[3]) if len(words) > 3 else 1
    numbers = range(first, last + (1 if step > 0 else -1), step)
    return [(words[0] % number).removeprefix("./") for number in numbers[: shape[-1] + 1]]


def _lines(stream: BinaryIO) -> Iterator[str]:
    """Yield the lines that follow, without their ends, until the file ends."""
    while line := stream.readline(_LONGEST_HEADER):
        yield line.decode("latin-1").rstrip("\r\n")

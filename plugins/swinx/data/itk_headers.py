"""Headers of NRRD and MetaImage files: which bytes they promise, where these lie, and what they leave out.

ITK takes defaults for what is missing and fills what it cannot decompress. Sources: the definition of NRRD
(teem.sourceforge.net/nrrd/format.html) and of MetaImage (itk.org/Wiki/ITK/MetaIO/Documentation).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from swinx.rules import GeometryRules

__all__ = ["DataPart", "Encoding", "StoredVolume", "read_itk_header"]

Encoding = Literal["raw", "zlib", "text"]

_LONGEST_HEADER = 1 << 20
_NRRD_BYTES = {
    **dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"), 1),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), 2),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), 2),
    **dict.fromkeys(
        ("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t", "float"), 4
    ),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "int64", "int64_t", "double"), 8),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), 8),
}
_NRRD_ENCODINGS: dict[str, Encoding] = {
    "raw": "raw",
    **dict.fromkeys(("gzip", "gz"), "zlib"),
    **dict.fromkeys(("txt", "text", "ascii", "hex"), "text"),
}
_META_BYTES = {
    **dict.fromkeys(("MET_CHAR", "MET_UCHAR"), 1),
    **dict.fromkeys(("MET_SHORT", "MET_USHORT"), 2),
    **dict.fromkeys(("MET_INT", "MET_UINT", "MET_LONG", "MET_ULONG", "MET_FLOAT"), 4),
    **dict.fromkeys(("MET_LONG_LONG", "MET_ULONG_LONG", "MET_DOUBLE"), 8),
}
_ANATOMICAL = {"right-anterior-superior", "ras", "left-anterior-superior", "las", "left-posterior-superior", "lps"}
_MILLIMETRES = {"", "mm", "millimeter", "millimeters", "millimetre", "millimetres", "?", "none", "nan"}


@dataclass(frozen=True)
class DataPart:
    """One file of voxels.

    Attributes:
        name: As the header writes it; empty for the file of the header itself.
        start: First byte of the voxels; None if they are the last bytes of the file.
    """

    name: str
    start: int | None


@dataclass(frozen=True)
class StoredVolume:
    """What a header says.

    Attributes:
        size: Bytes of voxels before compression; None for a type that is not known here.
        encoding: How the voxels are stored.
        parts: The files that hold them, which share them evenly.
        faults: Why the header can't be used.
        notes: What a user should know of it.
    """

    size: int | None
    encoding: Encoding
    parts: tuple[DataPart, ...]
    faults: tuple[str, ...]
    notes: tuple[str, ...]


def read_itk_header(path: Path) -> StoredVolume:
    """Read the header of a NRRD or MetaImage file, by its content.

    Raises:
        ValueError: If it is no such header.
        OSError: If the file cannot be read.
    """
    with path.open("rb") as stream:
        is_nrrd = stream.read(4) == b"NRRD"
        stream.seek(0)
        return _read_nrrd(stream) if is_nrrd else _read_meta(stream)


def _read_nrrd(stream: BinaryIO) -> StoredVolume:
    fields: dict[str, str] = {}
    parts: list[DataPart] = []
    for line in _lines(stream):
        if not line:
            break
        if line.startswith("#") or ":=" in line or ":" not in line:
            continue
        name, value = (word.strip() for word in line.split(":", 1))
        fields[name.lower().replace(" ", "")] = value
        if name.lower().replace(" ", "") == "datafile" and value.upper().startswith("LIST"):
            parts = [DataPart(word, 0) for word in _lines(stream) if word]
    sizes = [int(word) for word in fields["sizes"].split()]
    encoding = _NRRD_ENCODINGS.get(fields.get("encoding", "").lower())
    if encoding is None:
        raise ValueError(f"encoding {fields.get('encoding', '')!r} is unknown")
    start = None if fields.get("byteskip") == "-1" else int(fields.get("byteskip", 0))
    if not parts and "datafile" in fields:
        parts = [DataPart(name, start) for name in _numbered(fields["datafile"])]
    if not parts:
        parts = [DataPart("", None if start is None else stream.tell() + start)]
    if int(fields.get("lineskip", 0)):
        raise ValueError("it skips lines of its data; write it anew without")
    each = _NRRD_BYTES.get(fields["type"].lower())
    faults, notes = _judge_nrrd(fields)
    return StoredVolume(None if each is None else math.prod(sizes) * each, encoding, tuple(parts), faults, notes)


def _judge_nrrd(fields: dict[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    spacing = fields.get("spacings", "") + fields.get("spacedirections", "")
    faults = [] if re.search(r"\d", spacing) else [GeometryRules.NO_SPACING.says(kind="NRRD")]
    notes = []
    space = fields.get("space", "").lower().removesuffix("-time").removesuffix("t")
    if "spacedirections" not in fields or space not in _ANATOMICAL:
        notes.append(GeometryRules.NO_ORIENTATION.says())
    units = {word.strip('"') for word in fields.get("spaceunits", fields.get("units", "")).lower().split()}
    if strange := units - _MILLIMETRES:
        notes.append(GeometryRules.UNIT.says(unit=", ".join(sorted(strange))))
    return tuple(faults), tuple(notes)


def _read_meta(stream: BinaryIO) -> StoredVolume:
    fields: dict[str, str] = {}
    parts: list[DataPart] = []
    for line in _lines(stream):
        name, sign, value = (word.strip() for word in line.partition("="))
        if not sign:
            raise ValueError(f"line {line[:40]!r} of the header is no 'key = value'")
        fields[name] = value
        if name == "ElementDataFile":
            break
    data = fields["ElementDataFile"]
    header_size = int(fields.get("HeaderSize", 0))
    start = None if header_size < 0 else header_size
    if data.upper() == "LOCAL":
        parts = [DataPart("", stream.tell())]
    elif data.upper().startswith("LIST"):
        parts = [DataPart(word, start) for word in _lines(stream) if word]
    else:
        parts = [DataPart(name, start) for name in _numbered(data)]
    encoding: Encoding = "raw"
    if fields.get("CompressedData", "False").lower().startswith(("t", "1")):
        encoding = "zlib"
    elif fields.get("BinaryData", "True").lower().startswith(("f", "0")):
        encoding = "text"
    channels = int(fields.get("ElementNumberOfChannels", 1))
    each = _META_BYTES.get(fields["ElementType"].removesuffix("_ARRAY"))
    count = math.prod(int(word) for word in fields["DimSize"].split()) * channels
    spaced = any(re.search(r"\d", fields.get(key, "")) for key in ("ElementSpacing", "ElementSize"))
    faults = () if spaced else (GeometryRules.NO_SPACING.says(kind="MetaImage"),)
    oriented = any(key in fields for key in ("TransformMatrix", "Rotation", "Orientation"))
    notes = [] if oriented else [GeometryRules.NO_ORIENTATION.says()]
    if (unit := fields.get("DistanceUnits", "").lower()) not in _MILLIMETRES:
        notes.append(GeometryRules.UNIT.says(unit=unit))
    return StoredVolume(None if each is None else count * each, encoding, tuple(parts), faults, tuple(notes))


def _numbered(pattern: str) -> list[str]:
    """Return the names of ``name%03d.raw FIRST LAST STEP``, or the one name."""
    words = pattern.split()
    if "%" not in pattern or len(words) < 3:
        return [pattern]
    name, first, last, *rest = words
    step = int(rest[0]) if rest else 1
    return [name % number for number in range(int(first), int(last) + (1 if step > 0 else -1), step)]


def _lines(stream: BinaryIO) -> Iterator[str]:
    """Yield the lines that follow, without their ends, until the file ends."""
    while line := stream.readline(_LONGEST_HEADER):
        yield line.decode("latin-1").rstrip("\r\n")

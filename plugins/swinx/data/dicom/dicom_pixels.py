"""Check of a DICOM file's pixel bytes against its header, without decoding.

GDCM fills a slice whose pixels are too few with uninitialised memory, in which rows of the scan read before it may
stand. Sources: DICOM PS3.5, 7.1 and 8.2 (length of native pixels), annex A.4 (fragments of compressed ones).
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

from swinx.data.dicom.rle_frames import find_rle_fault
from swinx.rules import ByteRules

__all__ = ["PixelLayout", "find_pixel_fault"]

_PIXELS = (0x7FE0, 0x0010)
_ITEM, _END = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
_UNDEFINED = 0xFFFFFFFF
_RLE = "1.2.840.10008.1.2.5"
_IMPLICIT = "1.2.840.10008.1.2"
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_NATIVE = ("", _IMPLICIT, "1.2.840.10008.1.2.1", _BIG_ENDIAN)
_STATES_SIZE = tuple(f"1.2.840.10008.1.2.4.{kind}" for kind in (50, 51, 57, 70, 80, 81, 90, 91))
"""JPEG, JPEG-LS and JPEG 2000, whose streams state their size."""

_JPEG = tuple(f"1.2.840.10008.1.2.4.{kind}" for kind in (50, 51, 57, 70, 80, 81))
_JPEG_END = b"\xff\xd9"
_TAIL_BYTES = 1 << 10
_LONG_VALUES = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"UN")
_HEAD_BYTES = 1 << 16
_JPEG_START = b"\xff\xd8"
_JPEG_2000_SIZE = b"\xff\x4f\xff\x51"
_FRAME_MARKERS = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7}


@dataclass(frozen=True)
class PixelLayout:
    """Layout of the pixels, as the header states it."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    frames: int

    @property
    def row_size(self) -> int:
        """Bytes of one row, as the header states them."""
        return (self.columns * self.samples * self.bits_allocated + 7) // 8

    @property
    def size(self) -> int:
        """Bytes of the pixels before compression, as the header states them."""
        return (self.rows * self.columns * self.samples * self.frames * self.bits_allocated + 7) // 8


def find_pixel_fault(stream: BinaryIO, syntax: str, layout: PixelLayout) -> str:
    """Return the fault of the pixels that follow; empty if their number is that of the header.

    Args:
        stream: The file, positioned at the tag of its pixels.
        syntax: UID of the transfer syntax; empty where the file does not say.
        layout: What the header says.
    """
    total = os.fstat(stream.fileno()).st_size
    length = _pixel_length(stream, syntax)
    if length is None:
        return ByteRules.HEADER_CUT.says()
    if syntax not in _NATIVE or length == _UNDEFINED:
        return _fragment_fault(stream, syntax, layout, total)
    found = min(length, total - stream.tell())
    if found < layout.size:
        return ByteRules.SHORT.says(promised=layout.size, found=found)
    if found - layout.size >= max(layout.row_size, 2):  # an odd length is padded by one byte
        return ByteRules.SURPLUS.says(promised=layout.size, found=found)
    return ByteRules.SHORT.says(promised=length, found=found) if found < length else ""


def _pixel_length(stream: BinaryIO, syntax: str) -> int | None:
    """Return the length field of the pixels and move to their first byte; None if there are none."""
    big = ">" if syntax == _BIG_ENDIAN else "<"
    head = stream.read(8)
    if len(head) < 8 or struct.unpack(f"{big}HH", head[:4]) != _PIXELS:
        return None
    if head[4:6] not in _LONG_VALUES:  # implicit: the length follows the tag
        return int(struct.unpack(f"{big}I", head[4:])[0])
    length = stream.read(4)
    return int(struct.unpack(f"{big}I", length)[0]) if len(length) == 4 else None


def _fragment_fault(stream: BinaryIO, syntax: str, layout: PixelLayout, total: int) -> str:
    """Walk through the fragments; the first is the table of offsets."""
    first, number, last = b"", 0, (0, 0)
    frame = bytearray()
    while True:
        head = stream.read(8)
        if len(head) < 8:
            return ByteRules.COMPRESSED_CUT.says(detail="the end of its pixels is missing")
        tag, length = struct.unpack("<HH", head[:4]), struct.unpack("<I", head[4:])[0]
        if tag == _END:
            break
        if tag != _ITEM or stream.tell() + length > total:
            return ByteRules.COMPRESSED_CUT.says(detail=f"fragment {number} is incomplete")
        start = stream.tell()
        if number == 1:
            first = stream.read(min(length, _HEAD_BYTES))
        if number and syntax == _RLE and layout.frames == 1:
            stream.seek(start)
            frame += stream.read(length)
        stream.seek(start + length)
        last = start, length
        number += 1
    if not first:
        return ByteRules.COMPRESSED_CUT.says(detail="it holds no pixels")
    if frame:
        return find_rle_fault(bytes(frame), layout.rows * layout.columns, layout.samples * layout.bits_allocated // 8)
    if syntax in _JPEG and not _has_end(stream, *last):
        return ByteRules.JPEG_END.says()
    return _size_fault(first, layout) if syntax in _STATES_SIZE else ""


def _has_end(stream: BinaryIO, start: int, length: int) -> bool:
    """Return whether the last fragment ends with JPEG's end mark, padding aside."""
    stream.seek(max(start, start + length - _TAIL_BYTES))
    return stream.read(min(length, _TAIL_BYTES)).rstrip(b"\0").endswith(_JPEG_END)


def _size_fault(head: bytes, layout: PixelLayout) -> str:
    """Compare the sizes that a JPEG or JPEG 2000 stream states with those of the header."""
    stated = _jpeg_size(head) if head.startswith(_JPEG_START) else _jpeg_2000_size(head)
    if stated is None:
        return ""
    rows, columns, samples, bits = stated
    if (rows, columns, samples) == (layout.rows, layout.columns, layout.samples) and bits > layout.bits_allocated - 8:
        return ""
    return ByteRules.DECODED_SIZE.says(
        promised=f"{layout.columns} x {layout.rows} x {layout.samples} of {layout.bits_allocated} bits",
        found=f"{columns} x {rows} x {samples} of {bits} bits",
    )


def _jpeg_size(head: bytes) -> tuple[int, int, int, int] | None:
    place = 2
    while place + 10 <= len(head) and head[place] == 0xFF:
        marker, length = head[place + 1], struct.unpack(">H", head[place + 2 : place + 4])[0]
        if marker in _FRAME_MARKERS:
            bits, rows, columns, samples = struct.unpack(">BHHB", head[place + 4 : place + 10])
            return rows, columns, samples, bits
        place += 2 + length
    return None


def _jpeg_2000_size(head: bytes) -> tuple[int, int, int, int] | None:
    start = head.find(_JPEG_2000_SIZE)
    if start < 0 or start + 43 > len(head):
        return None
    right, bottom, left, top = struct.unpack(">4I", head[start + 8 : start + 24])
    samples, depth = struct.unpack(">HB", head[start + 40 : start + 43])
    return bottom - top, right - left, samples, (depth & 0x7F) + 1

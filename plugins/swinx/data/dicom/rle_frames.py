"""Check of a picture that is compressed by run lengths, without decoding.

GDCM, as in SimpleITK 2.5, ends the whole process at a picture without a segment, and takes one whose runs give too few
or too many voxels. Source: DICOM PS3.5, annex G.
"""

from __future__ import annotations

import struct

from swinx.rules import ByteRules

__all__ = ["find_rle_fault"]

_HEADER = struct.Struct("<16I")
_NO_RUN = 128
_PADDING = 1


def find_rle_fault(frame: bytes, pixels: int, segments: int) -> str:
    """Return the fault of a picture; empty if its runs give as many bytes as it has.

    Args:
        frame: The compressed picture.
        pixels: Number of pixels.
        segments: Bytes of a pixel; each has a segment of its own.

    Examples:
        >>> header = struct.pack("<16I", 1, 64, *[0] * 14)
        >>> find_rle_fault(header + bytes([254, 7, 1, 8, 9]), 5, 1)
        ''
        >>> find_rle_fault(header + bytes([254, 7]), 5, 1).partition(";")[0]
        'segment 1 of its compressed pixels gives 3 bytes in place of 5'
    """
    if len(frame) < _HEADER.size:
        return ByteRules.RLE_TABLE.says(segments=segments)
    count, *starts = _HEADER.unpack_from(frame)
    bounds = [*starts[:count], len(frame)]
    if count != segments or bounds[0] != _HEADER.size or bounds != sorted(set(bounds)):
        return ByteRules.RLE_TABLE.says(segments=segments)
    for number in range(count):
        found, rest = _run_through(frame[bounds[number] : bounds[number + 1]], pixels)
        is_more = found > pixels or (len(rest) > _PADDING and any(rest))
        if found < pixels or is_more:
            told = "more" if is_more else found
            return ByteRules.RLE_SEGMENT.says(number=number + 1, found=told, promised=pixels)
    return ""


def _run_through(segment: bytes, wanted: int) -> tuple[int, bytes]:
    """Return how many bytes the runs give, and what is left of the segment once these are enough."""
    place, found, length = 0, 0, len(segment)
    while found < wanted and place + 1 < length:
        code = segment[place]
        if code < _NO_RUN:
            literal = min(code + 1, length - place - 1)
            found, place = found + literal, place + 1 + literal
        elif code > _NO_RUN:
            found, place = found + 257 - code, place + 2
        else:
            place += 1
    return found, segment[place:]

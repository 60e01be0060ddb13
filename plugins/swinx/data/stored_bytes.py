"""The bytes of voxels that a header promises against those that a file holds, checksums included."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

import psutil

from swinx.data.itk_headers import DataPart, Encoding, StoredVolume
from swinx.errors import CaseError
from swinx.regular_files import open_regular
from swinx.rules import ByteRules

__all__ = ["check_claim", "check_memory", "check_stored", "read_gzip", "surplus_notes"]

_Result = TypeVar("_Result")
_CHUNK = 1 << 16  # at most 66 MB when decompressed
_DEFLATE_LIMIT = 1032
"""Bytes that one compressed byte can stand for at most (zlib's documentation, "Maximum Compression Factor")."""

_OVERHEAD = 1 << 10
_ANY_HEAD = 47  # zlib tells its own head from that of gzip
_MIB = 2**20


def check_claim(path: Path, promised: int, stored: int, encoding: Encoding) -> None:
    """Refuse a size that the stored bytes cannot hold, before memory is taken for it.

    Args:
        path: The file, for the message.
        promised: Bytes of voxels, decompressed.
        stored: Bytes that the file holds.
        encoding: How they are stored.

    Raises:
        CaseError: If they cannot.
    """
    if encoding == "raw" and stored < promised:
        raise CaseError(path, ByteRules.SHORT.says(promised=promised, found=stored))
    if encoding == "zlib" and promised > stored * _DEFLATE_LIMIT + _OVERHEAD:
        raise CaseError(path, ByteRules.IMPOSSIBLE_CLAIM.says(promised=promised, found=stored))


def check_memory(path: Path, voxels: int, bytes_each: int, max_ram_mb: float | None = None) -> None:
    """Refuse a volume that the memory cannot hold, before it is read.

    Counted are the stored voxels and the single-precision copy that is made of them.

    Args:
        path: The file, for the message.
        voxels: Number of voxels.
        bytes_each: Bytes of a stored voxel.
        max_ram_mb: Limit of the resident memory of this process in MiB; by default what the machine has free.

    Raises:
        CaseError: If it cannot.
    """
    needed = voxels * (bytes_each + 4) / _MIB
    free = psutil.virtual_memory().available / _MIB
    allowed = free if max_ram_mb is None else min(free, max_ram_mb - psutil.Process().memory_info().rss / _MIB)
    if needed > allowed:
        raise CaseError(path, ByteRules.MEMORY.says(needed=f"{needed:.0f}", available=f"{max(allowed, 0):.0f}"))


def check_stored(path: Path, header: StoredVolume) -> tuple[str, ...]:
    """Compare the files that a header names with what it promises, and their checksums with their content.

    Args:
        path: The file of the header.
        header: What it says.

    Returns:
        A note if the files hold more than the header promises.

    Raises:
        CaseError: If a file lies elsewhere, is missing, too short or damaged.
    """
    found = 0
    for part in header.parts:
        place = _place(path, part)
        with open_regular(place) as stream:
            stored = place.stat().st_size - (part.start or 0)
            if header.size is not None:
                check_claim(path, header.size // len(header.parts), stored, header.encoding)
            if header.encoding == "zlib":
                stream.seek(part.start or 0)
                found += _decompressed_bytes(path, stream)
            elif part.start is not None:
                found += stored
    if header.encoding == "text" or header.size is None:
        return ()
    if header.encoding == "zlib" and found < header.size:
        raise CaseError(path, ByteRules.SHORT.says(promised=header.size, found=found))
    return surplus_notes(header.size, found)


def surplus_notes(promised: int, found: int) -> tuple[str, ...]:
    """Return a note if a file holds more voxels than its header promises."""
    return (ByteRules.SURPLUS.says(promised=promised, found=found),) if found > promised + _OVERHEAD else ()


def read_gzip(path: Path, read: Callable[[gzip.GzipFile], _Result]) -> tuple[_Result, int]:
    """Read a gzip file, then on to its end, where its checksum stands: readers stop before it.

    Args:
        path: The file.
        read: What reads the decompressed stream.

    Returns:
        What ``read`` returns, and the number of decompressed bytes.

    Raises:
        CaseError: If checksum or length disagree with what was read, or the end is missing.
    """
    try:
        with open_regular(path) as file, gzip.GzipFile(fileobj=file) as stream:
            result = read(stream)
            while stream.read(_CHUNK):
                pass
            return result, stream.tell()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CaseError(path, ByteRules.CHECKSUM.says(detail=error)) from error


def _place(path: Path, part: DataPart) -> Path:
    if not part.name:
        return path
    if Path(part.name).name != part.name or "\\" in part.name or part.name in (".", ".."):
        raise CaseError(path, ByteRules.OUTSIDE.says(name=part.name))
    place = path.parent / part.name
    if not place.is_file():
        raise CaseError(path, ByteRules.MISSING_DATA.says(name=part.name))
    return place


def _decompressed_bytes(path: Path, stream: BinaryIO) -> int:
    """Return how many bytes a stream of zlib or gzip gives; both end with a checksum, which is compared on the way."""
    found, decompressor = 0, zlib.decompressobj(_ANY_HEAD)
    try:
        while data := stream.read(_CHUNK):
            while data:
                if decompressor.eof:
                    if not data.strip(b"\0\r\n "):
                        break
                    decompressor = zlib.decompressobj(_ANY_HEAD)  # a further member
                found += len(decompressor.decompress(data))
                data = decompressor.unused_data if decompressor.eof else b""
    except zlib.error as error:
        raise CaseError(path, ByteRules.CHECKSUM.says(detail=error)) from error
    if not decompressor.eof:
        raise CaseError(path, ByteRules.CHECKSUM.says(detail="its compressed voxels end early"))
    return found

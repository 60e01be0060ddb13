"""Checks of the stored bytes of voxels against the header, with checksums."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import psutil

from swinx.data.formats.itk_headers import Encoding
from swinx.errors import CaseError
from swinx.files import open_regular
from swinx.resources import memory_in_use_mb
from swinx.rules import ByteRules

__all__ = ["check_claim", "check_memory", "check_surplus", "read_gzip"]

_Result = TypeVar("_Result")
_CHUNK = 1 << 16  # at most 66 MB when decompressed
_DEFLATE_LIMIT = 1032
"""Bytes that one compressed byte can stand for at most (zlib's documentation, "Maximum Compression Factor")."""

_OVERHEAD = 1 << 10
_MIB = 2**20


def check_claim(path: Path, promised: int, stored: int, encoding: Encoding) -> None:
    """Refuse a size that the stored bytes cannot hold, before memory is allocated.

    Args:
        path: The file, for the message.
        promised: Bytes of voxels, decompressed; of text, the fewest that it takes.
        stored: Bytes that the file holds.
        encoding: How they are stored.

    Raises:
        CaseError: If they cannot.
    """
    if encoding != "zlib" and stored < promised:
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
    allowed = free if max_ram_mb is None else min(free, max_ram_mb - memory_in_use_mb())
    if needed > allowed:
        raise CaseError(path, ByteRules.MEMORY.says(needed=math.ceil(needed), available=max(math.floor(allowed), 0)))


def check_surplus(path: Path, promised: int, found: int, shape: Sequence[int], bytes_each: int) -> None:
    """Refuse a file with at least a plane of voxels more than its header states: the size is wrong.

    A few bytes more are padding.

    Args:
        path: The file, for the message.
        promised: Bytes that the header states.
        found: Bytes that the file holds, decompressed.
        shape: Promised shape.
        bytes_each: Bytes of a stored voxel.

    Raises:
        CaseError: If it is.
    """
    plane = math.prod(shape) // max(shape) * bytes_each
    if found - promised >= plane:
        raise CaseError(path, ByteRules.SURPLUS.says(promised=promised, found=found))


def read_gzip(path: Path, read: Callable[[gzip.GzipFile], _Result]) -> tuple[_Result, int]:
    """Read a gzip file to its end and verify the checksum there; readers stop before it.

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

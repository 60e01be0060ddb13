"""Recognition of label maps among scans by their voxels, reading as few as possible."""

from __future__ import annotations

from pathlib import Path

from swinx.data.formats.file_formats import format_of
from swinx.data.volume_files import ANY_NUMBERS, read_volume
from swinx.files import check_regular
from swinx.geometry import looks_like_labels

__all__ = ["holds_labels"]

_LARGEST = 512 << 20
"""Bytes of voxels that are read to answer the question; a larger file counts as a scan."""


def holds_labels(path: Path) -> bool:
    """Return whether a volume holds labels rather than HU.

    All voxels are read only where something cheap speaks for labels: 8 bits a voxel, a compressed file that is far
    smaller than its voxels, or some slices of a file without compression. Of 8 bits, one that is 0 everywhere counts,
    too. A file of more than 512 MiB of voxels counts as a scan, and one that cannot be read is left to its reader.
    """
    try:
        check_regular(path)
        row = format_of(path)
        sign = None if row is None else row.label_sign(path)
        if sign is None or not sign.speaks or sign.size > _LARGEST:
            return False
        array = read_volume(path, "label", allow_empty=True, allow_unknown=True, numbers=ANY_NUMBERS).array
    except Exception:  # decoders raise whatever the bytes lead them into
        return False
    return looks_like_labels(array) or (sign.is_byte and not array.any())

"""Content hash of the files of a scan, and a stamp that detects changes without reading them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swinx.data.dicom.dicom_folder import is_dicom_file
from swinx.data.formats.file_formats import format_of
from swinx.files import expanded, file_sha256, files_sha256

__all__ = ["content_of", "files_read", "has_content", "recorded_content", "stamp_of"]


def files_read(path: str | os.PathLike[str]) -> list[Path]:
    """Return the files that are read for a scan or a label map.

    They are the file itself; with a detached header, the files of voxels that it names; with a DICOM series, all files
    of its folder, as any of them may be a slice.

    Args:
        path: As :func:`swinx.data.read_volume` takes it.

    Raises:
        OSError: If a folder or a header cannot be read.
    """
    place = expanded(path)
    if place.is_dir() or is_dicom_file(place):
        folder = place if place.is_dir() else place.parent
        return sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    row = format_of(place)
    return [place] if row is None else row.files(place)


def content_of(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the SHA-256 and the size in bytes of all files of a scan.

    Returns:
        ``sha256``: of the file, or of the names and hashes of several; ``bytes``: of all together.

    Raises:
        OSError: If a file cannot be read, or is no regular file.
    """
    files = files_read(path)
    size = sum(file.stat().st_size for file in files)
    if len(files) == 1:
        return {"sha256": file_sha256(files[0]), "bytes": size}
    return {"sha256": files_sha256((file.name, file) for file in files), "bytes": size}


def stamp_of(path: str | os.PathLike[str]) -> str:
    """Return a text that changes when a file of a scan is written or replaced; no file is read.

    It holds size, date, inode and the time of the last change that the system keeps, which no program sets back.

    Raises:
        OSError: If a file is missing.
    """
    facts = []
    for file in files_read(path):
        found = file.stat()
        facts.append([file.name, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino])
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def recorded_content(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the record of a scan that was read: :func:`content_of` it, and its ``stamp``.

    A stamp that is the one before the reading tells that the content is what was read.

    Raises:
        OSError: As :func:`content_of`.
    """
    content = content_of(path)
    return {**content, "stamp": stamp_of(path)}


def has_content(path: str | os.PathLike[str], recorded: Mapping[str, Any]) -> bool:
    """Return whether a scan is the recorded one, by its stamp or else by its content.

    Args:
        path: The scan.
        recorded: ``sha256`` and, if it may be trusted, ``stamp``.

    Raises:
        OSError: If a file cannot be read.
    """
    if recorded.get("stamp") == stamp_of(path):
        return True
    return bool(content_of(path)["sha256"] == recorded["sha256"])

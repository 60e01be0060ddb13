"""Files that are read by name: regular files only, so that no pipe or device can stop or feed a reader."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from swinx.rules import FileRules

__all__ = ["check_regular", "file_sha256", "files_sha256", "json_sha256", "open_regular"]

_CHUNK = 1 << 20
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file, or a link to one, for reading.

    A pipe without a writer would stop the caller for ever; a device may never end. Neither is opened for longer than
    it takes to find out.

    Args:
        path: The file.

    Raises:
        OSError: If it cannot be opened, or is no regular file; the message names it.
    """
    check_regular(path)  # opening a device can have effects of its own
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _check_mode(path, os.fstat(descriptor).st_mode)  # it may have been exchanged meanwhile
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def check_regular(path: str | os.PathLike[str]) -> None:
    """Refuse a path that leads to anything but a regular file.

    Raises:
        OSError: If it does, or there is nothing; the message names it.
    """
    _check_mode(path, Path(path).stat().st_mode)


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a regular file, in hexadecimal.

    Raises:
        OSError: If it cannot be read, or is no regular file.
    """
    digest = hashlib.sha256()
    with open_regular(path) as stream:
        while part := stream.read(_CHUNK):
            digest.update(part)
    return digest.hexdigest()


def files_sha256(files: Iterable[tuple[str, str | os.PathLike[str]]], begin: str = "") -> str:
    """Return one SHA-256, in hexadecimal, of the names and hashes of several files.

    Args:
        files: The name that counts, and the file, in the order that counts.
        begin: Text that counts before them.

    Raises:
        OSError: If one cannot be read, or is no regular file.
    """
    digest = hashlib.sha256(begin.encode())
    for name, file in files:
        digest.update(f"{name} {file_sha256(file)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def json_sha256(content: Any) -> str:
    """Return the SHA-256, in hexadecimal, of content as JSON has it, whatever the order of its keys.

    Examples:
        >>> json_sha256({"a": 1, "b": 2}) == json_sha256({"b": 2, "a": 1})
        True
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=repr).encode()).hexdigest()


def _check_mode(path: str | os.PathLike[str], mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise OSError(f"{os.fspath(path)}: {FileRules.NOT_REGULAR.says(kind=kind)}")

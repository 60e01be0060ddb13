"""A packed bundle as a zip, which may come from anybody: looked through before anything of it is written.

What is taken is what ``make pack`` writes: one folder, regular files with plain names, stored or deflated. The
configurations in it are programs all the same, and the package in it is one, too: serve bundles that you trust.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

__all__ = ["BundleZipError", "check_room", "read_entries", "unpack"]

_MOST_ENTRIES = 20_000
_LARGEST_DIRECTORY = 16 << 20
_LARGEST_EXPANSION = 100
_ALWAYS_ALLOWED = 64 << 20
_LEFT_FREE = 256 << 20
_LONGEST_NAME = 1024
_LONGEST_PART = 255
_END, _END64, _LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_END_SIZE, _END64_SIZE, _LOCATOR64_SIZE, _LONGEST_COMMENT = 22, 56, 20, 65535
_TOP = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)
_AGAIN = "copy it again, or pack it again with make pack"


class BundleZipError(Exception):
    """A zip that is not unpacked; the message says why in one sentence."""


def read_entries(path: Path) -> tuple[str, dict[str, ZipInfo]]:
    """Return the folder at the top of a packed bundle, and its files by their names in that folder.

    Args:
        path: The zip.

    Raises:
        BundleZipError: If it is damaged, or anything in it is not what a packed bundle has.
    """
    _check_directory(path)
    with _opened(path) as archive:
        infos = archive.infolist()
    if len(infos) > _MOST_ENTRIES:
        raise BundleZipError(f"{path}: has {len(infos)} entries, and a packed bundle at most {_MOST_ENTRIES}")
    for info in infos:
        if fault := _name_fault(info.orig_filename) or _kind_fault(info):
            raise BundleZipError(f"{path}: the entry {_shown(info.orig_filename)} {fault}; {_AGAIN}")
    _check_clashes(path, infos)
    _check_sizes(path, infos)
    files = {PurePosixPath(info.filename): info for info in infos if not info.filename.endswith("/")}
    tops = {PurePosixPath(info.filename).parts[0] for info in infos}
    if len(tops) != 1 or any(len(name.parts) < 2 for name in files):
        raise BundleZipError(f"{path}: a packed bundle has one folder at its top; pack it with make pack")
    (top,) = tops
    if not _TOP.fullmatch(top):
        raise BundleZipError(f"{path}: its folder is called {_shown(top)}, which names no bundle; {_AGAIN}")
    return top, {PurePosixPath(*name.parts[1:]).as_posix(): info for name, info in files.items()}


def check_room(path: Path, entries: Mapping[str, ZipInfo], folder: Path) -> None:
    """Refuse a zip whose files do not fit on the disk.

    Args:
        path: The zip, for the message.
        entries: As :func:`read_entries` returns them.
        folder: A folder on the disk that gets the files.

    Raises:
        BundleZipError: If they do not, with some room to spare.
    """
    needed, free = sum(info.file_size for info in entries.values()), shutil.disk_usage(folder).free
    if needed + _LEFT_FREE > free:
        raise BundleZipError(
            f"{path}: takes {needed >> 20} MB unpacked, and {folder} has {free >> 20} MB free, of which "
            f"{_LEFT_FREE >> 20} MB stay; make room, or give another folder with --apps"
        )


def unpack(path: Path, entries: Mapping[str, ZipInfo], target: Path) -> None:
    """Write the files of a zip into a folder.

    Args:
        path: The zip.
        entries: Files to write, by their names below ``target``, as :func:`read_entries` returns them.
        target: An empty folder, or one to be made.

    Raises:
        BundleZipError: If the zip is damaged, or a file is not as long as it says.
        OSError: If a file cannot be written.
    """
    with _opened(path) as archive:
        for name, info in entries.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as reader, (target / name).open("xb") as writer:
                _copy(reader, writer, info, path)


def _copy(reader: IO[bytes], writer: IO[bytes], info: ZipInfo, path: Path) -> None:
    left = info.file_size
    while block := reader.read(min(1 << 20, left + 1)):
        left -= len(block)
        if left < 0:
            break
        writer.write(block)
    if left:
        raise BundleZipError(f"{path}: the entry {_shown(info.filename)} is not as long as it says; {_AGAIN}")


def _check_directory(path: Path) -> None:
    """Refuse a directory of entries that would fill the memory when it is read."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = max(0, size - _END_SIZE - _LONGEST_COMMENT - _LOCATOR64_SIZE - _END64_SIZE)
        stream.seek(start)
        tail = stream.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise BundleZipError(f"{path}: damaged: the directory of its entries is missing; {_AGAIN}")
    count, length = struct.unpack("<HL", tail[at + 10 : at + 16])
    at64 = at - _LOCATOR64_SIZE - _END64_SIZE
    if at64 >= 0 and tail[at - _LOCATOR64_SIZE :].startswith(_LOCATOR64) and tail[at64:].startswith(_END64):
        count, length = struct.unpack("<QQ", tail[at64 + 32 : at64 + 48])
    if count > _MOST_ENTRIES or length > _LARGEST_DIRECTORY:
        raise BundleZipError(f"{path}: says it has {count} entries, and a packed bundle has at most {_MOST_ENTRIES}")


@contextmanager
def _opened(path: Path) -> Iterator[ZipFile]:
    try:
        with ZipFile(path) as archive:
            yield archive
    # the last three are what zipfile raises at bytes that make no sense
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, struct.error, OverflowError) as error:
        raise BundleZipError(f"{path}: damaged: {_shown(str(error), quoted=False)}; {_AGAIN}") from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise BundleZipError(f"{path}: damaged: it names a place before its beginning; {_AGAIN}") from error


def _name_fault(name: str) -> str:
    if not name or len(name.encode("utf-8", "replace")) > _LONGEST_NAME:
        return "has an empty name" if not name else "has a name that is too long"
    if any(unicodedata.category(mark) in ("Cc", "Cf", "Cs", "Zl", "Zp") for mark in name):
        return "has control characters in its name"
    if "\\" in name or ":" in name:
        return "has a backslash or a colon in its name"
    parts = name.removesuffix("/").split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "would be written elsewhere; a packed bundle has one folder at its top"
    if any(part != part.rstrip(". ") or len(part.encode()) > _LONGEST_PART for part in parts):
        return "has a name that not every file system has"
    return ""


def _kind_fault(info: ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    expected = stat.S_IFDIR if info.filename.endswith("/") else stat.S_IFREG
    if kind not in (0, expected):
        return "is a link" if kind == stat.S_IFLNK else "is no regular file"
    if expected == stat.S_IFDIR and info.file_size:
        return "is a folder with content"
    if info.flag_bits & 0x2041:  # encrypted, strongly encrypted, or its header is
        return "is encrypted"
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return f"is compressed by method {info.compress_type}, and only stored and deflated ones are taken"
    return ""


def _check_clashes(path: Path, infos: list[ZipInfo]) -> None:
    """Refuse entries that would be one file, here or on a disk that does not tell case or composition apart."""
    seen: dict[str, str] = {}
    for info in infos:
        name = info.filename.removesuffix("/")
        key = _folded(name)
        if key in seen:
            raise BundleZipError(f"{path}: the entries {_shown(seen[key])} and {_shown(name)} are one file; {_AGAIN}")
        seen[key] = name
    folders = {_folded(parent.as_posix()) for name in seen.values() for parent in PurePosixPath(name).parents}
    for info in infos:
        if not info.filename.endswith("/") and _folded(info.filename) in folders:
            raise BundleZipError(f"{path}: the entry {_shown(info.filename)} is a file and a folder; {_AGAIN}")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())


def _check_sizes(path: Path, infos: list[ZipInfo]) -> None:
    size = path.stat().st_size
    packed, unpacked = sum(info.compress_size for info in infos), sum(info.file_size for info in infos)
    if packed > size:
        raise BundleZipError(f"{path}: its entries take {packed} bytes of {size}, so they overlap; {_AGAIN}")
    if unpacked > _LARGEST_EXPANSION * size + _ALWAYS_ALLOWED:
        raise BundleZipError(
            f"{path}: {size >> 20} MB would become {unpacked >> 20} MB, more than {_LARGEST_EXPANSION} times as many; "
            "it is made to fill the disk"
        )


def _shown(name: str | os.PathLike[str], quoted: bool = True) -> str:
    text = ascii(os.fspath(name)) if quoted else " ".join(os.fspath(name).split())
    return text if len(text) <= 80 else f"{text[:80]}..."

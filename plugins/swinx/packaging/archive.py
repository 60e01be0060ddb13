"""A zip that has the same bytes whenever it has the same contents."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from swinx.files import open_regular, write_atomic

__all__ = ["write_zip"]

_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can tell
_ALREADY_DENSE = (".pt", ".pth", ".ts", ".onnx", ".png", ".gz")


def write_zip(path: str | os.PathLike[str], contents: Mapping[str, bytes | Path]) -> None:
    """Write a zip atomically; its bytes depend on the names and contents of its files alone.

    Names are sorted, dates and permissions are the same for all, and weights, which hardly get smaller, are stored as
    they are.

    Args:
        path: The zip to appear.
        contents: For each name in the zip, with forward slashes, the bytes or the file that has them.

    Raises:
        OSError: If a file cannot be read or is no regular file, or the zip not be written.
    """
    with write_atomic(path, suffix=".zip") as partial, ZipFile(partial, "w") as archive:
        for name in sorted(contents):
            entry = ZipInfo(name, _DATE)
            entry.create_system = 3  # permissions as Unix has them, also when packed elsewhere
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            entry.compress_type = ZIP_STORED if name.endswith(_ALREADY_DENSE) else ZIP_DEFLATED
            source = contents[name]
            if isinstance(source, bytes):
                archive.writestr(entry, source)
                continue
            entry.file_size = source.stat().st_size
            with open_regular(source) as reader, archive.open(entry, "w") as writer:
                shutil.copyfileobj(reader, writer, 1 << 20)

"""Warnings that a decoder writes to the standard error of the process only.

libjpeg, as GDCM calls it, fills a picture whose data end early and only prints "Corrupt JPEG data" (GDCM as in
SimpleITK 2.5). Its text is the only sign that voxels were made up.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["caught_decoder_warnings"]

_ERROR_STREAM = 2
_CORRUPT = b"Corrupt JPEG data"
_lock = threading.Lock()  # the stream belongs to all threads: one decodes at a time, so that none is blamed for another


@contextmanager
def caught_decoder_warnings() -> Iterator[list[str]]:
    """Collect libjpeg's warnings while the block runs; other text passes through.

    Yields:
        A list that holds the lines once the block has ended.
    """
    found: list[str] = []
    with _lock, tempfile.TemporaryFile() as file:
        sys.stderr.flush()
        kept = os.dup(_ERROR_STREAM)
        os.dup2(file.fileno(), _ERROR_STREAM)
        try:
            yield found
        finally:
            os.dup2(kept, _ERROR_STREAM)
            os.close(kept)
            file.seek(0)
            for line in file.read().splitlines(keepends=True):
                if _CORRUPT in line:
                    found.append(line.decode("ascii", "replace").strip())
                else:
                    os.write(_ERROR_STREAM, line)

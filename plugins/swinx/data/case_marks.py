"""Fingerprints of the cases of a training, made without reading all of a compressed file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tqdm.contrib.concurrent import thread_map

from swinx.data.case_names import case_name
from swinx.data.read_content import files_read, stamp_of
from swinx.files import open_regular

__all__ = ["case_marks", "content_sample"]

_READ_WHOLE_BYTES = 4 << 20
_BLOCK_BYTES = 1 << 16
_BLOCKS = 4
_DECIDING = ("annotated", "pseudo")


def case_marks(workers: int = 8, **sections: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return a fingerprint of each case of a training, by section and case.

    Args:
        workers: Files read at a time.
        sections: Items with ``image``, and ``label`` and ``annotated`` where there are any.

    Returns:
        For each case, ``image`` and ``label`` with the ``stamp`` of :func:`swinx.data.stamp_of` and a ``sample`` of
        their content, see :func:`content_sample`; and ``labels``: what is annotated and what is pseudo.
    """
    marks: dict[str, dict[str, dict[str, Any]]] = {}
    for section, items in sections.items():
        look = partial(thread_map, max_workers=workers, desc=f"{section} cases", unit="case", leave=False, disable=None)
        found: Iterable[dict[str, Any]] = look(_mark, items)
        names = [str(item.get("case") or case_name(str(item.get("image")))) for item in items]
        marks[section] = dict(zip(names, found, strict=True))
    return marks


def content_sample(path: str | os.PathLike[str]) -> str:
    """Return a hash of the sizes and the content of all files of a scan, in hexadecimal.

    Of a gzip file beyond 4 MiB four blocks of 64 KiB are read, the last with gzip's checksum of all that it holds; of
    any other file, all. A file that was copied has the same sample.

    Raises:
        OSError: If a file cannot be read, or is no regular file.
    """
    digest = hashlib.sha256()
    for file in files_read(path):
        size = file.stat().st_size
        digest.update(f"{file.name} {size}\n".encode(errors="surrogateescape"))
        with open_regular(file) as stream:
            if size <= _READ_WHOLE_BYTES or file.suffix.lower() != ".gz":
                while block := stream.read(_READ_WHOLE_BYTES):
                    digest.update(block)
                continue
            for number in range(_BLOCKS):
                stream.seek((size - _BLOCK_BYTES) * number // (_BLOCKS - 1))
                digest.update(stream.read(_BLOCK_BYTES))
    return digest.hexdigest()[:32]


def _mark(item: Mapping[str, Any]) -> dict[str, Any]:
    mark: dict[str, Any] = {
        "labels": json.dumps({key: sorted(item[key]) for key in _DECIDING if item.get(key) is not None})
    }
    for key in ("image", "label"):
        place = item.get(key)
        if isinstance(place, str | Path):
            try:
                mark[key] = {"sample": content_sample(place), "stamp": stamp_of(place)}
            except OSError:  # its reader will say so
                mark[key] = {"sample": "unreadable", "stamp": "unreadable"}
    return mark

"""Names of the files of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monai.data import MetaTensor

__all__ = ["files_of"]


def files_of(batch: Any) -> str:
    """Return the names of the files of a batch, collated or not, for a message.

    Args:
        batch: Dictionaries of ``MetaTensor``, or a list of such.

    Returns:
        Names in order, separated by commas; ``"?"`` if none is known.
    """
    return ", ".join(sorted(set(_names(batch)))) or "?"


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, MetaTensor):
        found = value.meta.get("filename_or_obj", ())
        yield from (str(name) for name in ([found] if isinstance(found, str) else found))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _names(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _names(item)

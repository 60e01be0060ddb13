"""Faults of files, as one line of a message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from swinx.errors import CaseError

__all__ = ["one_line", "refuse_faults"]

_ITK_OBJECT = re.compile(r"ITK ERROR: \w+\(0x[0-9a-fA-F]+\): ")


def refuse_faults(place: Path, faults: Sequence[str]) -> None:
    """Refuse a file that has faults.

    Raises:
        CaseError: If there is one; with all of them.
    """
    if faults:
        raise CaseError(place, "; ".join(faults))


def one_line(error: Exception) -> str:
    r"""Return the error of a decoder on one line: its type, and the last line of its text.

    A ``ValueError`` is what the readers of headers raise, whose text says all.

    Examples:
        >>> one_line(RuntimeError("Exception thrown in SimpleITK:\nITK ERROR: NrrdImageIO(0x5f): no axes"))
        'RuntimeError no axes'
        >>> one_line(ValueError("its header lacks the field 'type'"))
        "its header lacks the field 'type'"
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # ITK ends its messages with the system's last error, which may have nothing to do with the file.
    lines = [line for line in lines if not line.startswith("Reason:")]
    said = _ITK_OBJECT.sub("", lines[-1]) if lines else ""
    return said if said and type(error) is ValueError else f"{type(error).__name__} {said}".strip()

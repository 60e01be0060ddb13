"""Check of an exported network against the windows of its workflow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from swinx.errors import ExportError

__all__ = ["check_window", "exported_file"]


def exported_file(path: str | os.PathLike[str], to: str) -> Path:
    """Return the file of an exported network.

    Args:
        path: The file.
        to: Its format, as ``swinx export --to`` takes it.

    Raises:
        ExportError: If there is no such file; the message says how to write it.
    """
    file = Path(path)
    if not file.is_file():
        raise ExportError(f"{file}: no such file; write it with swinx export --to {to}, and give --exported")
    return file


def check_window(
    path: str | os.PathLike[str],
    found_in: Sequence[int | None],
    found_out: Sequence[int | None],
    wanted_in: Sequence[int],
    wanted_out: Sequence[int],
) -> None:
    """Refuse an exported network for other windows or other classes than a workflow's.

    Args:
        path: The file, for the message.
        found_in: Channels and sides ``(C, X, Y, Z)`` that it takes; None for what is variable.
        found_out: Channels and sides that it returns.
        wanted_in: Channels and sides of the workflow's windows.
        wanted_out: The workflow's classes and the same sides.

    Raises:
        ExportError: If they differ; the message has both.
    """
    if not _fits(found_in, wanted_in):
        raise ExportError(
            f"{os.fspath(path)}: was exported for windows of {_text(found_in)} voxels (channels first), this "
            f"workflow's are {_text(wanted_in)}; give the roi_size it was exported for, or export it again for this one"
        )
    if not _fits(found_out, wanted_out):
        raise ExportError(
            f"{os.fspath(path)}: returns {_text(found_out)} (classes first), this workflow needs {_text(wanted_out)}; "
            "it is another network: export the one of this bundle"
        )


def _fits(found: Sequence[int | None], wanted: Sequence[int]) -> bool:
    return len(found) == len(wanted) and all(a is None or a == b for a, b in zip(found, wanted, strict=True))


def _text(sizes: Sequence[int | None]) -> str:
    return " x ".join("any" if size is None else str(size) for size in sizes)

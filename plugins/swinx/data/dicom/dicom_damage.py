"""Unreadable files of a DICOM folder that may be slices."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from swinx.data.dicom.dicom_headers import CT_IMAGE
from swinx.data.formats.itk_geometry import import_sitk
from swinx.rules import RescaleRules, SeriesChoiceRules
from swinx.visible_text import first_of

__all__ = ["may_be_slices", "tell_unreadable", "undecodable_slices"]

_STORAGE_CLASS = b"\x02\x00\x02\x00UI"
_HEADER_BYTES = 1 << 16


def may_be_slices(
    faults: Mapping[Path, str], wanted: Collection[str], others: Collection[str], kinds: Collection[str] = ()
) -> dict[Path, str]:
    """Return the unreadable files of a folder that may be slices of a series.

    A file counts unless what is left of its header tells that it is something else: another kind of object, such as a
    structure set, or a slice of a series that is not wanted.

    Args:
        faults: What is wrong with each unreadable file.
        wanted: Series Instance UIDs that count.
        others: Series Instance UIDs of the same folder that do not.
        kinds: Storage classes of the wanted series; CT is always one.
    """
    known = {*kinds, CT_IMAGE, ""}
    return {
        path: fault
        for path, fault in faults.items()
        if _storage_class(path) in known and (_names(path, wanted) or not _names(path, others))
    }


def undecodable_slices(files: Sequence[str]) -> dict[Path, str]:
    """Return the slices whose pixels SimpleITK cannot decode, one by one."""
    damaged = {}
    for name in files:
        reader = import_sitk().ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(name)
        try:
            reader.Execute()
        except RuntimeError:
            damaged[Path(name)] = RescaleRules.ONE_UNDECODABLE.says()
    return damaged


def tell_unreadable(faults: Mapping[Path, str]) -> str:
    """Return the reason of an error: some names of unreadable files, and the fault of the first."""
    names = first_of(path.name for path in faults)
    count = f"{len(faults)} file{'' if len(faults) == 1 else 's'}"
    return SeriesChoiceRules.UNREADABLE.says(files=count, names=names, detail=next(iter(faults.values())))


def _storage_class(path: Path) -> str:
    """Read the storage class from the file meta information, which is always explicit little endian (PS3.10, 7.1)."""
    _, _, rest = _head(path).partition(_STORAGE_CLASS)
    length = int.from_bytes(rest[:2], "little")
    uid = rest[2 : 2 + length]
    return uid.decode("ascii", "replace").strip("\0 ") if len(uid) == length else ""


def _names(path: Path, uids: Collection[str]) -> bool:
    """Return whether a file's header holds one of some UIDs; they are plain text in every transfer syntax."""
    if not uids:
        return False
    pattern = "|".join(map(re.escape, uids)).encode()
    return re.search(rb"(?<![0-9.])(?:" + pattern + rb")(?![0-9.])", _head(path)) is not None


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_HEADER_BYTES)

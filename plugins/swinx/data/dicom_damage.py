"""Files of a DICOM folder that should be slices and cannot be read; GDCM passes them over without a word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from swinx.data.dicom_headers import storage_class
from swinx.data.file_kinds import DICOM_SUFFIXES, VOLUME_SUFFIXES, has_dicom_magic, volume_suffix
from swinx.data.itk_geometry import sitk

__all__ = ["tell_unreadable", "undecodable_slices", "unreadable_slices"]

_CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
_HEADER_BYTES = 1 << 16
_SHOWN = 10


def unreadable_slices(folder: Path, found: Mapping[str, Sequence[str]], wanted: Iterable[str] = ()) -> tuple[Path, ...]:
    """Return the files that may be slices of some series, but that GDCM could not read.

    A file counts if it has DICOM's magic bytes or a DICOM extension, and if what is left of its header does not tell
    that it is something else: another kind of object, such as a structure set, or a slice of a series not wanted.

    Args:
        folder: The folder.
        found: The files that GDCM found in it, by Series Instance UID.
        wanted: UIDs of the series that count.
    """
    read = {Path(name).name for files in found.values() for name in files}
    own = tuple(wanted)
    kinds = {storage_class(found[uid][0]) for uid in own} | {_CT_IMAGE, ""}
    others = tuple(uid for uid in found if uid not in own)
    return tuple(
        path
        for path in sorted(folder.iterdir())
        if path.name not in read
        and _should_be_dicom(path)
        and storage_class(str(path)) in kinds
        and (_names(path, own) or not _names(path, others))
    )


def undecodable_slices(files: Iterable[str]) -> tuple[Path, ...]:
    """Return the slices whose pixels SimpleITK cannot decode, one by one."""
    damaged = []
    for name in files:
        reader = sitk.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(name)
        try:
            reader.Execute()
        except RuntimeError:
            damaged.append(Path(name))
    return tuple(damaged)


def tell_unreadable(paths: Sequence[Path]) -> str:
    """Return the reason of an error that names some files of a folder."""
    names = ", ".join(path.name for path in paths[:_SHOWN])
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    count = f"{len(paths)} file{'' if len(paths) == 1 else 's'}"
    return (
        f"{count} of this folder cannot be read: {names}{more}; damaged or cut off: copy from the source again, "
        "or move away what is no slice of the scan"
    )


def _should_be_dicom(path: Path) -> bool:
    if path.name.startswith(".") or not path.is_file() or volume_suffix(path) in VOLUME_SUFFIXES:
        return False
    return volume_suffix(path) in DICOM_SUFFIXES or has_dicom_magic(path)


def _names(path: Path, uids: Sequence[str]) -> bool:
    """Say whether the header of a file holds one of some UIDs, which stand there as text in every transfer syntax."""
    if not uids:
        return False
    with path.open("rb") as stream:
        header = stream.read(_HEADER_BYTES)
    pattern = "|".join(map(re.escape, uids)).encode()
    return re.search(rb"(?<![0-9.])(?:" + pattern + rb")(?![0-9.])", header) is not None

"""Kinds of files by extension, and the names of their cases."""

from __future__ import annotations

import os
import re
from pathlib import Path

from swinx.data.case_names import composed
from swinx.files import absolute_path

__all__ = [
    "VOLUME_SUFFIXES",
    "absolute_path",
    "case_name",
    "has_dicom_magic",
    "has_preamble",
    "volume_suffix",
]

NIFTI_SUFFIXES = (".nii.gz", ".nii")
ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")
DICOM_SUFFIXES = (".dcm", ".ima")

VOLUME_SUFFIXES = NIFTI_SUFFIXES + ITK_SUFFIXES
"""Extensions of files that hold a whole volume, in lower case."""

_CHANNEL_SUFFIX = "_0000"
_DICOM_PREAMBLE, _DICOM_MAGIC = 128, b"DICM"
_BARE_DICOM = re.compile(
    rb"\x02\0\0\0UL\x04\0|\x08\0[\0\x01\x05\x08\x12-\x18]\0(?:(?:UL|CS|UI|DA|TM)[\x02-\x40]\0|[\x02-\x40]\0\0\0)",
    re.DOTALL,
)
"""First element of a header without a preamble: of group 2, or of group 8 with a short value, explicit or implicit."""


def volume_suffix(path: str | os.PathLike[str]) -> str:
    """Return the known extension of ``path`` in lower case (``".nii.gz"``), or an empty string.

    Examples:
        >>> volume_suffix("a/Scan.v2.NII.GZ")
        '.nii.gz'
        >>> volume_suffix("notes.txt")
        ''
    """
    name = Path(path).name.lower()
    return next((suffix for suffix in VOLUME_SUFFIXES + DICOM_SUFFIXES if name.endswith(suffix)), "")


def case_name(path: str | os.PathLike[str]) -> str:
    """Return the name under which results of a scan are filed: no folder, extension or ``_0000``.

    Names are in composed form (NFC), so that those of macOS and of others are equal.

    A DICOM slice stands for its series and is named after its folder.

    Examples:
        >>> case_name("imagesVal/FLARE23Ts_0001_0000.nii.gz")
        'FLARE23Ts_0001'
        >>> case_name("patients/1.2.840.113/")
        '1.2.840.113'
        >>> case_name("patients/anna/IM0001.dcm")
        'anna'
    """
    place = absolute_path(path)
    suffix = volume_suffix(place)
    if suffix in DICOM_SUFFIXES:
        place, suffix = place.parent, ""
    name = composed(place.name[: len(place.name) - len(suffix)])
    return name.removesuffix(_CHANNEL_SUFFIX) or name


def has_dicom_magic(path: Path) -> bool:
    """Return whether a file has the magic bytes of DICOM; False if it cannot be opened.

    That is with a preamble (PS3.10, 7.1), or, as old exports have it, with the first element of the header.
    """
    head = _head(path)
    return head[_DICOM_PREAMBLE:] == _DICOM_MAGIC or _BARE_DICOM.match(head) is not None


def has_preamble(path: Path) -> bool:
    """Return whether a file begins with DICOM's preamble; False if it cannot be opened."""
    return _head(path)[_DICOM_PREAMBLE:] == _DICOM_MAGIC


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_DICOM_PREAMBLE + len(_DICOM_MAGIC))
    except OSError:
        return b""

"""File formats of volumes: a row each, through which listing, checks and reading pass.

DICOM is none of them: there, a folder of files is a volume.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swinx.data.formats.itk_voxels import itk_files, read_itk
from swinx.data.formats.label_signs import LabelSign, itk_sign, nifti_sign
from swinx.data.formats.nifti_files import nifti_grid, read_nifti
from swinx.nifti import NIFTI_SUFFIXES

__all__ = [
    "DICOM_SUFFIXES",
    "FORMATS",
    "FileFormat",
    "bare_name",
    "format_of",
    "is_volume_file",
    "volume_suffix",
    "volume_suffixes",
]

DICOM_SUFFIXES = (".dcm", ".ima")


@dataclass(frozen=True)
class FileFormat:
    """A format of files that hold a whole volume each.

    Attributes:
        name: Its name in messages.
        suffixes: Its extensions, in lower case.
        read: Takes a file and ``max_ram_mb`` of :func:`swinx.data.read_volume`; returns voxels ``(x, y, z)``, the
            affine from voxels to RAS millimetres, and notes. A :class:`swinx.errors.CaseError` has the fault; any other
            error means that the file is damaged.
        files: Takes a file; returns all files that are read for it, such as those that a detached header names.
        label_sign: Takes a file; returns the signs of a label map that are seen before all voxels are read; by
            default, all are read.
        grid: Takes a file; returns affine and shape by its header alone. None if that takes reading the voxels.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, float | None], tuple[NDArray[Any], NDArray[np.float64], tuple[str, ...]]]
    files: Callable[[Path], list[Path]] = lambda place: [place]
    label_sign: Callable[[Path], LabelSign] = lambda place: LabelSign(place.stat().st_size, False, True)
    grid: Callable[[Path], tuple[NDArray[np.float64], tuple[int, ...]]] | None = None


FORMATS = (
    FileFormat("NIfTI", NIFTI_SUFFIXES, read_nifti, label_sign=nifti_sign, grid=nifti_grid),
    FileFormat("NRRD", (".nrrd", ".nhdr"), partial(read_itk, "NrrdImageIO"), itk_files, itk_sign),
    FileFormat("MetaImage", (".mha", ".mhd"), partial(read_itk, "MetaImageIO"), itk_files, itk_sign),
)


def format_of(path: str | os.PathLike[str]) -> FileFormat | None:
    """Return the format that the extension of a path names; None if it is that of no volume."""
    name = Path(path).name.lower()
    return next((row for row in FORMATS if name.endswith(row.suffixes)), None)


def is_volume_file(path: str | os.PathLike[str]) -> bool:
    """Return whether the extension of a path is that of a whole volume."""
    return format_of(path) is not None


def volume_suffixes() -> tuple[str, ...]:
    """Return the extensions of files that hold a whole volume, in lower case."""
    return tuple(suffix for row in FORMATS for suffix in row.suffixes)


def volume_suffix(path: str | os.PathLike[str]) -> str:
    """Return the known extension of ``path`` in lower case (``".nii.gz"``), or an empty string.

    Examples:
        >>> volume_suffix("a/Scan.v2.NII.GZ")
        '.nii.gz'
        >>> volume_suffix("notes.txt")
        ''
    """
    name = Path(path).name.lower()
    return next((suffix for suffix in (*volume_suffixes(), *DICOM_SUFFIXES) if name.endswith(suffix)), "")


def bare_name(path: str | os.PathLike[str]) -> str:
    """Return the name of a file without folder and known extension.

    Examples:
        >>> bare_name("a/Scan.v2.NII.GZ")
        'Scan.v2'
    """
    name = Path(path).name
    return name[: len(name) - len(volume_suffix(name))]

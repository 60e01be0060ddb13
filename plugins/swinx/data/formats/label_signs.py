"""Signs of a label map that are seen before all voxels of a file are read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from swinx.data.formats.itk_headers import StoredVolume, read_itk_header
from swinx.files import open_regular
from swinx.geometry import looks_like_labels

__all__ = ["LabelSign", "itk_sign", "nifti_sign"]

_SMALL = 0.05
"""Largest size of a compressed label map as a share of its voxels: those of CT have noise."""

_PLACES = (0.35, 0.5, 0.65)
"""Slices of a file without compression that are looked at first, as shares of their number."""


@dataclass(frozen=True)
class LabelSign:
    """Signs of a label map.

    Attributes:
        size: Bytes of the voxels.
        is_byte: Whether a voxel has 8 bits, as few scans have.
        speaks: Whether it is worth to read them all.
    """

    size: int
    is_byte: bool
    speaks: bool


def nifti_sign(path: Path) -> LabelSign:
    """Return the signs of a NIfTI file."""
    image: Any = nib.load(path)
    shape, dtype = image.shape, image.dataobj.dtype
    size = math.prod(shape) * dtype.itemsize
    if dtype.itemsize == 1:
        return LabelSign(size, True, True)
    if path.suffix.lower() == ".gz":
        return LabelSign(size, False, path.stat().st_size < _SMALL * size)
    slices = [np.asarray(image.dataobj[..., index]) for index in _some_slices(shape[-1])]
    return LabelSign(size, False, _may_be_labels(np.stack(slices, axis=-1)))


def itk_sign(path: Path) -> LabelSign:
    """Return the signs of an NRRD or MetaImage file."""
    header = read_itk_header(path)
    if header.dtype.itemsize == 1:
        return LabelSign(header.size, True, True)
    if header.encoding == "zlib":
        stored = sum(_file_of(path, part.name).stat().st_size for part in header.parts)
        return LabelSign(header.size, False, stored < _SMALL * header.size)
    if header.encoding != "raw":  # text, which hardly anybody writes: its size says nothing
        return LabelSign(header.size, False, True)
    slices = [_itk_slice(path, header, index) for index in _some_slices(header.shape[-1])]
    return LabelSign(header.size, False, _may_be_labels(np.stack(slices, axis=-1)))


def _some_slices(count: int) -> list[int]:
    return [int(share * count) for share in _PLACES]


def _may_be_labels(slices: NDArray[Any]) -> bool:
    """Return whether some slices may be those of a label map; background alone may."""
    with np.errstate(invalid="ignore"):
        return not slices.any() or looks_like_labels(slices)


def _itk_slice(path: Path, header: StoredVolume, index: int) -> NDArray[Any]:
    """Read one slice, from a file of all slices or from its own."""
    each = math.prod(header.shape[:-1]) * header.dtype.itemsize
    part = header.parts[index if len(header.parts) > 1 else 0]
    before = index if len(header.parts) == 1 else 0
    with open_regular(_file_of(path, part.name)) as stream:
        if part.start is None:
            stream.seek(-header.size // len(header.parts), 2)
        else:
            stream.seek(part.start)
        stream.seek(before * each, 1)
        stored = stream.read(each)
    return np.frombuffer(stored, header.dtype).reshape(header.shape[:-1], order="F")


def _file_of(path: Path, name: str) -> Path:
    """Return the file of voxels that a header names: its own, or one beside it.

    Raises:
        ValueError: If it lies elsewhere.
    """
    if Path(name).name != name:
        raise ValueError(f"{name} lies elsewhere")
    return path.parent / name if name else path

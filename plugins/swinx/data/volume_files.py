"""Read one volume from a NIfTI, NRRD or MetaImage file or a DICOM series, or say why it cannot be read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
from nibabel.openers import ImageOpener
from numpy.typing import NDArray

from swinx.data.dicom_series import read_dicom_series
from swinx.data.file_kinds import DICOM_SUFFIXES, ITK_SUFFIXES, NIFTI_SUFFIXES, VOLUME_SUFFIXES, volume_suffix
from swinx.data.itk_geometry import affine_from_itk, array_from_itk, sitk
from swinx.errors import CaseError
from swinx.labels import NUM_CLASSES
from swinx.ops.grids import check_affine, check_spacing, voxel_sizes_mm
from swinx.ops.volume_checks import find_image_faults, find_label_faults, find_shape_faults

__all__ = ["Volume", "VolumeKind", "read_volume"]

VolumeKind = Literal["image", "label"]

_ITK_FORMATS = {".nrrd": "NrrdImageIO", ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}

_HEADER_AGREEMENT = 0.01
"""Relative difference between the spacing field of a NIfTI header and its affine that is rounding."""


@dataclass(frozen=True)
class Volume:
    """A 3D array with the geometry it was stored with.

    Attributes:
        array: Voxels in ``(x, y, z)`` index order, the order of ``affine``'s columns; the stored dtype
            if that is an integer, else float32.
        affine: Voxel indices to RAS millimetres, ``(4, 4)`` float64.
        notes: What a user should know though the volume is usable.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    notes: tuple[str, ...] = ()


def read_volume(
    path: str | os.PathLike[str],
    kind: VolumeKind = "image",
    allow_empty: bool = False,
    allow_unknown: bool = False,
    num_classes: int = NUM_CLASSES,
) -> Volume:
    """Read and check one volume.

    Args:
        path: ``.nii``, ``.nii.gz``, ``.nrrd``, ``.nhdr``, ``.mha`` or ``.mhd`` file, a folder with one DICOM
            series, or one slice of a series. Of several series in a folder the longest is read.
        kind: ``"label"`` also checks the class ids.
        allow_empty: Accept a label map without a voxel of any class.
        allow_unknown: Accept voxels of :data:`swinx.labels.UNKNOWN` (255) in a label map, as refined labels have.
        num_classes: A label map may hold the ids 0..``num_classes`` - 1; raise it for maps of other tools.

    Returns:
        A volume without faults.

    Raises:
        CaseError: If the file is missing, damaged or no image, or has a fault that
            :mod:`swinx.ops.volume_checks` or :mod:`swinx.ops.grids` find; all of them are named.
    """
    place = Path(path).expanduser()
    _check_presence(place)
    try:
        volume = _decode(place)
    except CaseError as error:
        raise CaseError(path, error.reason) from error.__cause__
    except Exception as error:  # decoders raise whatever the bytes lead them into; all of it means: unreadable
        raise CaseError(path, f"damaged, or not a {_format_name(place)}: {_one_line(error)}") from error
    faults = check_affine(volume.affine, volume.array.shape)
    if kind == "label":
        faults += find_label_faults(volume.array, num_classes, allow_empty, allow_unknown)
    else:
        faults += find_image_faults(volume.array)
    _refuse(place, faults)
    return volume


def _check_presence(place: Path) -> None:
    if not place.exists():
        raise CaseError(place, "no such file or folder")
    if place.is_file() and place.stat().st_size == 0:
        raise CaseError(place, "the file is empty (0 bytes)")
    if place.is_file() and not volume_suffix(place) and place.suffix:
        formats = ", ".join(VOLUME_SUFFIXES)
        raise CaseError(place, f"unknown kind of file {place.suffix!r}; give {formats} or a DICOM series folder")


def _decode(place: Path) -> Volume:
    suffix = volume_suffix(place)
    if place.is_dir() or suffix in DICOM_SUFFIXES or not suffix:
        array, affine, notes = read_dicom_series(place)
        return Volume(_as_stored(array), affine, notes)
    return _read_nifti(place) if suffix in NIFTI_SUFFIXES else _read_itk(place)


def _read_nifti(place: Path) -> Volume:
    image: Any = nib.load(place)
    stored = image.dataobj.dtype
    channels = len(stored.fields) if stored.fields is not None else 1
    _refuse(place, find_shape_faults(image.shape, channels))
    with ImageOpener(str(place)) as stream:  # nibabel silently replaces a spacing of 0 by 1 mm: look at what is stored
        header = type(image.header).from_fileobj(stream, check=False)
    sizes_mm = np.asarray(header["pixdim"][1:4], dtype=np.float64)
    _refuse(place, check_spacing(sizes_mm))
    affine = np.array(image.affine, dtype=np.float64)
    notes = []
    if int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0:
        notes.append("the header states no orientation; left-right and front-back are guessed")
    elif not np.allclose(sizes_mm, voxel_sizes_mm(affine), rtol=_HEADER_AGREEMENT):
        written, used = (" x ".join(f"{size:g}" for size in sizes) for sizes in (sizes_mm, voxel_sizes_mm(affine)))
        notes.append(f"header states spacing {written} mm but its affine {used} mm; the affine is used")
    whole = stored.kind in "iub" and not image.dataobj.inter and image.dataobj.slope == 1
    array = np.asarray(image.dataobj) if whole or stored.kind == "c" else image.get_fdata(dtype=np.float32)
    return Volume(_as_stored(array), affine, tuple(notes))


def _read_itk(place: Path) -> Volume:
    reader = sitk.ImageFileReader()
    reader.SetImageIO(_ITK_FORMATS[volume_suffix(place)])  # else ITK opens whatever it knows, under any name
    reader.SetFileName(str(place))
    reader.ReadImageInformation()
    _refuse(place, find_shape_faults(reader.GetSize(), reader.GetNumberOfComponents()))
    _refuse(place, check_spacing(reader.GetSpacing()))
    image = reader.Execute()
    return Volume(_as_stored(array_from_itk(image)), affine_from_itk(image))


def _as_stored(array: NDArray[Any]) -> NDArray[Any]:
    """Return native byte order, and single precision at most: scans hold no more."""
    if array.dtype.kind == "f":
        return array.astype(np.float32, copy=False)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _refuse(place: Path, faults: Sequence[str]) -> None:
    if faults:
        raise CaseError(place, "; ".join(faults))


def _format_name(place: Path) -> str:
    suffix = volume_suffix(place)
    if suffix in NIFTI_SUFFIXES:
        return "NIfTI file"
    return {".nrrd": "NRRD file", ".nhdr": "NRRD file"}.get(
        suffix, "MetaImage file" if suffix in ITK_SUFFIXES else "DICOM series"
    )


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # ITK ends its messages with the system's last error, which may have nothing to do with the file.
    lines = [line for line in lines if not line.startswith("Reason:")]
    return f"{type(error).__name__} {lines[-1] if lines else ''}".strip()

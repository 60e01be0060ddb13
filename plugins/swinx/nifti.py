"""NIfTI files, written atomically and with reproducible bytes."""

from __future__ import annotations

import os
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from swinx.files import write_atomic

__all__ = ["NIFTI_SUFFIXES", "write_nifti"]

NIFTI_SUFFIXES = (".nii.gz", ".nii")


def write_nifti(
    path: str | os.PathLike[str],
    volume: NDArray[np.generic],
    affine: NDArray[np.float64],
    description: str = "",
    scale: float | None = None,
) -> None:
    """Write ``volume`` as NIfTI-1 in its own dtype, sform and qform both "scanner".

    Neither a time nor a file name enters the file, so equal arrays make equal bytes.

    Args:
        path: A ``.nii`` or ``.nii.gz`` file.
        volume: ``(X, Y, Z)``, a dtype that NIfTI knows, e.g. int16 or uint8.
        affine: Voxel index to RAS+ world, ``(4, 4)``, mm; kept in single precision.
        scale: What a reader multiplies the stored numbers with; None for nothing.
        description: ASCII text for the header's ``descrip`` field, at most 79 characters.

    Raises:
        ValueError: If ``description`` does not fit.
        OSError: If the file cannot be written.
    """
    if len(description) > 79 or not description.isascii():
        raise ValueError(f"description {description!r} must be ASCII text of at most 79 characters")
    make_image: Any = nib.Nifti1Image  # nibabel states no types
    image = make_image(volume, affine, dtype=volume.dtype)
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = description.encode("ascii")
    if scale is not None:
        image.header.set_slope_inter(scale, 0)
    with write_atomic(path, suffix=".nii.gz" if str(path).endswith(".gz") else ".nii") as partial:
        nib.save(image, partial)

"""Scans as nnU-Net reads them: axis order, direction and voxel size."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, io_orientation, ornt_transform
from numpy.typing import NDArray

from swinx.data import import_sitk, volume_suffix
from swinx.geometry import voxel_sizes_mm

__all__ = ["from_nnunet", "spacing_of", "to_nnunet"]

_ROUNDING = 1e-3


def spacing_of(
    affine: NDArray[np.float64], shape: tuple[int, ...], file: str | os.PathLike[str] | None = None
) -> NDArray[np.float64]:
    """Return the voxel size in mm, ``(x, y, z)``, to the last bit as nnU-Net reads it.

    nnU-Net takes the size that the header of the file states and rounds the number of voxels after resampling. Where
    that is a tie, the last bit decides; and the columns of the affine in the same header may differ there. So the
    header is asked if there is one that agrees with the affine.

    Args:
        affine: Voxel to world matrix of the scan.
        shape: Its shape ``(X, Y, Z)``.
        file: The file that it was read from, if it is one.
    """
    sizes = voxel_sizes_mm(affine).astype(np.float32).astype(np.float64)  # headers are in single precision
    if file is None or not volume_suffix(file) or not Path(file).is_file():
        return sizes
    reader = import_sitk().ImageFileReader()
    reader.SetFileName(os.fspath(file))
    try:
        reader.ReadImageInformation()
    except RuntimeError:  # not a file of ITK's; nnU-Net could not read it either
        return sizes
    stated = np.asarray(reader.GetSpacing(), dtype=np.float64)
    same = tuple(reader.GetSize()) == tuple(shape) and np.allclose(stated, sizes, rtol=_ROUNDING)
    return np.abs(stated) if same else sizes


def to_nnunet(
    volume: NDArray[Any], affine: NDArray[np.float64], sizes_mm: NDArray[np.float64], reorient: bool
) -> tuple[NDArray[np.float32], list[float]]:
    """Return a scan as nnU-Net's readers do.

    Args:
        volume: HU ``(X, Y, Z)``.
        affine: Its voxel to world matrix.
        sizes_mm: Its voxel size in array order.
        reorient: Reorient it to RAS, as some readers do.

    Returns:
        Voxels ``(1, Z, Y, X)`` and their size in mm ``(z, y, x)``.
    """
    if reorient:
        to_ras = _to_ras(affine)
        volume = apply_orientation(volume, to_ras)
        sizes_mm = sizes_mm[np.argsort(to_ras[:, 0])]
    turned = np.ascontiguousarray(volume.transpose(2, 1, 0)[None], dtype=np.float32)
    return turned, [float(size) for size in sizes_mm[::-1]]


def from_nnunet(labels: NDArray[Any], affine: NDArray[np.float64], reorient: bool) -> NDArray[Any]:
    """Undo :func:`to_nnunet` on labels ``(Z, Y, X)``; returns them ``(X, Y, Z)`` in the order of ``affine``."""
    volume = labels.transpose(2, 1, 0)
    if not reorient:
        return volume
    back: NDArray[Any] = apply_orientation(volume, ornt_transform(axcodes2ornt("RAS"), io_orientation(affine)))
    return back


def _to_ras(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    to_ras: NDArray[np.float64] = ornt_transform(io_orientation(affine), axcodes2ornt("RAS"))
    return to_ras

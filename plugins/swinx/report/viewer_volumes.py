"""Volumes of a case for a viewer in a page: cropped to the body, 8 bits, and not larger than a page can bear."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import torch

from swinx.figures import Box, crop_to_labels, to_canonical
from swinx.geometry import resample_linear, resample_nearest, voxel_sizes_mm
from swinx.preprocessing import body_box_mm

__all__ = ["CASE_LIMIT", "GREY_STEP_HU", "LOWEST_HU", "ViewerVolumes", "encode_volumes"]

CASE_LIMIT = 10_000_000
"""Characters of all volumes of a case in a page."""

LOWEST_HU = -250.0
"""What 0 stands for in the 8 bits of a scan; values below it are raised to it."""

GREY_STEP_HU = 2.5
"""HU between two of the 256 grey values; the largest is 387.5 HU."""

_MARGIN_MM = 10.0
_COARSE_MM = 3.0  # the body is found on a grid of about this voxel size
_VOXELS_PER_CHARACTER = 1.6  # of an abdominal CT: it is compressed to 0.4, and base64 adds a third


@dataclass(frozen=True)
class ViewerVolumes:
    """Volumes of a case on one grid, each a base64 text of a compressed NIfTI file.

    Attributes:
        scan: CT; stored as 8 bits with the slope and intercept that give HU.
        maps: Title to class ids.
        spacing_mm: Voxel size of the grid.
        scan_spacing_mm: Voxel size of the scan, likewise in RAS order.
    """

    scan: str
    maps: dict[str, str]
    spacing_mm: tuple[float, float, float]
    scan_spacing_mm: tuple[float, float, float]

    @property
    def size(self) -> int:
        """Number of characters of all volumes."""
        return len(self.scan) + sum(map(len, self.maps.values()))

    @property
    def is_coarser(self) -> bool:
        """True if the grid is coarser than that of the scan."""
        return any(shown > 1.001 * own for shown, own in zip(self.spacing_mm, self.scan_spacing_mm, strict=True))


def encode_volumes(
    scan_hu: npt.NDArray[Any],
    labels: Mapping[str, npt.NDArray[np.uint8]],
    affine: npt.NDArray[np.float64],
    limit: int = CASE_LIMIT,
) -> ViewerVolumes:
    """Return the volumes of a case, on a grid as fine as the limit allows.

    The field of view is the body with all labels. Where the volumes are too large on the scan's own grid, its finest
    axes are made coarser, until they fit.

    Args:
        scan_hu: CT in HU, ``(X, Y, Z)``.
        labels: Title to class ids of the same shape.
        affine: Voxel indices to RAS millimetres, ``(4, 4)``; may be oblique.
        limit: Number of characters that the volumes may have together.

    Raises:
        ValueError: If the limit is too small for any volume.
    """
    upright, matrix = to_canonical(scan_hu, affine)
    maps = {title: to_canonical(array, affine)[0] for title, array in labels.items()}
    box = _field_of_view(upright, list(maps.values()), matrix)
    matrix = matrix.copy()
    matrix[:3, 3] += matrix[:3, :3] @ [side.start for side in box]
    upright, maps = upright[box], {title: array[box] for title, array in maps.items()}
    own = voxel_sizes_mm(matrix)
    finest = _spacing_of(upright.size, own, most=round(_VOXELS_PER_CHARACTER * limit))
    while True:
        spacing = np.maximum(own, finest)
        found = _encode(upright, maps, matrix, own, spacing)
        if found.size <= limit:
            return found
        if finest > np.max(own * upright.shape):
            raise ValueError(f"{limit} characters are too few for any volume")
        finest = float(max(finest, own.min()) * max(1.08, (found.size / limit) ** (1 / 3)))


def _field_of_view(scan: npt.NDArray[Any], maps: list[npt.NDArray[np.uint8]], affine: npt.NDArray[np.float64]) -> Box:
    """Return the box around the body and all labels; the whole volume if there is no body."""
    spacing = voxel_sizes_mm(affine)
    steps = np.maximum(1, np.round(_COARSE_MM / spacing)).astype(int)
    found = body_box_mm(scan[tuple(slice(None, None, step) for step in steps)], spacing * steps, margin_mm=_MARGIN_MM)
    if found is None:
        return slice(0, scan.shape[0]), slice(0, scan.shape[1]), slice(0, scan.shape[2])
    first, last = np.floor(found[0] / spacing), np.ceil(found[1] / spacing)
    for labels in maps:
        if labels.any():
            seen = crop_to_labels(labels, affine, _MARGIN_MM)
            first = np.minimum(first, [side.start for side in seen])
            last = np.maximum(last, [side.stop - 1 for side in seen])
    x, y, z = (
        slice(max(0, int(low)), min(size, int(high) + 1))
        for low, high, size in zip(first, last, scan.shape, strict=True)
    )
    return x, y, z


def _spacing_of(voxels: int, own: npt.NDArray[np.float64], most: int) -> float:
    """Return the voxel size to which the finer axes are raised, so that at most so many voxels remain."""
    finest = float(own.min())
    while voxels * np.prod(own / np.maximum(own, finest)) > most:
        finest *= 1.02
    return finest


def _encode(
    scan: npt.NDArray[Any],
    maps: Mapping[str, npt.NDArray[np.uint8]],
    affine: npt.NDArray[np.float64],
    own: npt.NDArray[np.float64],
    spacing: npt.NDArray[np.float64],
) -> ViewerVolumes:
    """Return the volumes on a grid of a voxel size, whose outer faces are those of the scan's."""
    shape = tuple(int(size) for size in np.maximum(1, np.round(scan.shape * own / spacing)))
    scale = np.asarray(scan.shape) / shape
    matrix = affine.copy()
    matrix[:3, :3] *= scale
    matrix[:3, 3] += affine[:3, :3] @ ((scale - 1) / 2)
    grids = affine, matrix, shape
    grey: npt.NDArray[Any]
    if shape == scan.shape:
        grey, drawn = scan, dict(maps)
    else:
        grey = resample_linear(torch.from_numpy(np.ascontiguousarray(scan, np.float32)), *grids, antialias=True).numpy()
        drawn = {
            title: resample_nearest(torch.from_numpy(np.ascontiguousarray(array)), *grids).numpy()
            for title, array in maps.items()
        }
    stored = np.clip(np.round((grey - LOWEST_HU) / GREY_STEP_HU), 0, 255).astype(np.uint8)
    x, y, z = (spacing_mm for spacing_mm in (own * scale).tolist())
    a, b, c = own.tolist()
    return ViewerVolumes(
        _as_text(stored, matrix, GREY_STEP_HU, LOWEST_HU),
        {title: _as_text(array, matrix) for title, array in drawn.items()},
        (x, y, z),
        (a, b, c),
    )


def _as_text(
    volume: npt.NDArray[np.uint8], affine: npt.NDArray[np.float64], slope: float = 1.0, intercept: float = 0.0
) -> str:
    make_image: Any = nib.Nifti1Image  # nibabel states no types
    image = make_image(volume, affine, dtype=np.uint8)
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    image.header.set_xyzt_units("mm", "sec")
    header: Any = image.header
    header["scl_slope"], header["scl_inter"] = slope, intercept  # of numbers that are stored already
    header["magic"], header["vox_offset"] = b"n+1", 352
    content = header.binaryblock + bytes(4) + volume.tobytes(order="F")
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode("ascii")

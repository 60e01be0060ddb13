"""Slices of a volume for display: choice, orientation and size in millimetres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from swinx.geometry import voxel_sizes_mm

__all__ = ["VIEWS", "View", "choose_slices", "crop_to_labels", "cut", "plane_size_mm", "to_canonical"]

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class View:
    """One of the three standard views, in radiological convention.

    The patient's right is on the viewer's left, the front is up in axial views and on the left in sagittal ones.

    Attributes:
        name: ``"axial"``, ``"coronal"`` or ``"sagittal"``.
        axis: Axis of a canonical (RAS) volume that the slice cuts.
        left: What the left edge of the picture faces: R, L, A, P, S or I.
        right: What the right edge faces.
        bottom: What the lower edge faces.
        top: What the upper edge faces.
    """

    name: str
    axis: int
    left: str
    right: str
    bottom: str
    top: str


VIEWS: tuple[View, View, View] = (
    View("axial", 2, left="R", right="L", bottom="P", top="A"),
    View("coronal", 1, left="R", right="L", bottom="I", top="S"),
    View("sagittal", 0, left="A", right="P", bottom="I", top="S"),
)
"""The three views in the order in which they are shown."""


def to_canonical(
    volume: npt.NDArray[Any], affine: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Reorient a volume to RAS by permuting and flipping its axes, without resampling.

    As :func:`nibabel.as_closest_canonical`, for arrays.

    Args:
        volume: Shape ``(X, Y, Z)``.
        affine: Voxel indices to RAS millimetres, ``(4, 4)``.

    Returns:
        A view of the volume, and its affine.
    """
    orientation = nib.io_orientation(affine)
    turned = nib.apply_orientation(volume, orientation)
    back = nib.orientations.inv_ornt_aff(orientation, volume.shape)
    return turned, affine @ back


def choose_slices(labels: npt.NDArray[np.integer]) -> tuple[int, int, int]:
    """Return the index along each axis of the slice that shows the classes best.

    Every class gives each slice its area there, as a share of its largest area in any slice of that axis; the
    slice with the largest sum wins. So many organs well cut beat one huge organ. Without labels: the middle.

    Args:
        labels: Class ids, shape ``(X, Y, Z)``.
    """
    shown = [np.zeros(size) for size in labels.shape]
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        mask = labels[box] == label
        for axis, others in enumerate(((1, 2), (0, 2), (0, 1))):
            area = np.count_nonzero(mask, axis=others)
            shown[axis][box[axis]] += area / area.max()
    x, y, z = (int(share.argmax()) if share.any() else share.size // 2 for share in shown)
    return x, y, z


def crop_to_labels(labels: npt.NDArray[np.integer], affine: npt.NDArray[np.float64], margin_mm: float) -> Box:
    """Return the box around all labels with a margin in mm, within the volume; all of it without labels."""
    box = []
    for axis, spacing_mm in enumerate(voxel_sizes_mm(affine)):
        others = tuple(other for other in range(labels.ndim) if other != axis)
        found = np.flatnonzero(labels.any(axis=others))
        margin = int(np.ceil(margin_mm / spacing_mm))
        first, stop = (found[0] - margin, found[-1] + 1 + margin) if found.size else (0, labels.shape[axis])
        box.append(slice(max(0, int(first)), min(labels.shape[axis], int(stop))))
    return box[0], box[1], box[2]


def cut(volume: npt.NDArray[Any], view: View, index: int) -> npt.NDArray[Any]:
    """Return one slice of a canonical volume in display orientation.

    Args:
        volume: RAS volume, shape ``(X, Y, Z)``.
        view: One of :data:`VIEWS`.
        index: Slice along ``view.axis``.

    Returns:
        Rows from the bottom to the top of the picture, columns from left to right.
    """
    # In every view the horizontal axis of a RAS volume runs against the convention: right to left, front to back.
    plane: npt.NDArray[Any] = volume[(slice(None),) * view.axis + (index,)]
    return plane[::-1].T


def plane_size_mm(shape: Sequence[int], spacing_mm: Sequence[float], view: View) -> tuple[float, float]:
    """Return width and height in mm of a view of a canonical volume.

    Examples:
        >>> plane_size_mm((100, 80, 40), (1.0, 1.0, 5.0), VIEWS[1])
        (100.0, 200.0)
    """
    horizontal, vertical = (axis for axis in range(3) if axis != view.axis)
    return float(shape[horizontal] * spacing_mm[horizontal]), float(shape[vertical] * spacing_mm[vertical])

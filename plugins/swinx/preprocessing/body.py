"""Box around the patient in a CT, without air and table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["BODY_THRESHOLD_HU", "body_box_mm", "largest_component"]

BODY_THRESHOLD_HU = -300.0
"""Between fat (about -100 HU) and lung, foam or air (below -500 HU)."""

_OPENING_MM = 6.0
"""Table tops and sheets are thinner than twice this; what holds them to the body goes with them."""


def largest_component(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the largest face-connected component of a mask; an empty mask stays empty.

    Examples:
        >>> largest_component(np.array([[[True, False, True, True]]])).tolist()
        [[[False, False, True, True]]]
    """
    components, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(components.ravel())
    sizes[0] = 0
    largest: NDArray[np.bool_] = components == sizes.argmax()
    return largest


def body_box_mm(
    volume_hu: NDArray[np.floating | np.integer],
    spacing_mm: Sequence[float],
    threshold_hu: float = BODY_THRESHOLD_HU,
    margin_mm: float = 10.0,
) -> NDArray[np.float64] | None:
    """Return the box around the patient: threshold, opening, largest component, margin.

    The opening cuts the thin bridges between patient and table. A coarse scan (about 3 mm)
    is enough for a box, so the work is bounded whatever the scan's size.

    Args:
        volume_hu: CT, ``(X, Y, Z)``, in HU, better at 3 mm than finer.
        spacing_mm: Voxel size along the three axes.
        threshold_hu: Voxels above it may be body.
        margin_mm: Added on every side; the box may then reach past the volume.

    Returns:
        First and last corner, ``(2, 3)``, in mm from the centre of voxel 0; None if nothing
        reaches the threshold.
    """
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    dense = np.asarray(volume_hu > threshold_hu)
    if not dense.any():
        return None
    radius = np.maximum(np.round(_OPENING_MM / spacing).astype(int), 0)
    # A side that is too short to open would vanish; it is left alone.
    radius = np.where(np.asarray(dense.shape) > 4 * radius + 1, radius, 0)
    # The body continues beyond the scan's edge: padding with the edge keeps it from being eroded there.
    padded = np.pad(dense, [(r, r) for r in radius], mode="edge")
    opened = padded
    for erode in (True, False):
        for axis, r in enumerate(radius):
            size = [1, 1, 1]
            size[axis] = 2 * int(r) + 1
            opened = (ndimage.minimum_filter if erode else ndimage.maximum_filter)(opened, size=size, mode="nearest")
    opened = opened[tuple(slice(r, r + n) for r, n in zip(radius, dense.shape, strict=True))]
    body = largest_component(opened if opened.any() else dense)
    corners = np.array([[span.start, span.stop - 1] for span in ndimage.find_objects(body.astype(np.uint8))[0]]).T
    box: NDArray[np.float64] = corners * spacing + np.array([[-margin_mm], [margin_mm]])
    return box

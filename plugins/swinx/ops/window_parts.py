"""Which part of a sliding window is worth computing, and what has to be read for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["WindowPart", "interval_of", "margin_voxels", "window_part"]

_HALO = 2

Slices = tuple[slice, slice, slice]


class WindowPart(NamedTuple):
    """A part of a window and what a convolutional head reads for it; all slices are in voxels of what they cut.

    Attributes:
        inside: The part, in the window.
        image: Part and halo, in the window.
        features: Part and halo, in features of half the resolution.
        kept: The part, in what the head returns for the features.
    """

    inside: Slices
    image: Slices
    features: Slices
    kept: Slices


def interval_of(roi: int, size: int, overlap: float) -> int:
    """Return the distance between windows of ``roi`` voxels along an axis of ``size``, as MONAI's sliding window."""
    return roi if roi == size else max(int(roi * (1 - overlap)), 1)


def margin_voxels(roi: int, margin: float) -> int:
    """Return voxels of a margin that is a fraction of a window: even, rounded down."""
    return int(roi * margin / 2 + 1e-6) * 2


def window_part(window: Sequence[slice], size: Sequence[int], roi: Sequence[int], margin: float) -> WindowPart:
    """Return the part of a window that is left without its margins.

    The margins of a window have the least weight where windows are blended, and its neighbours' middles lie there. At
    a border of the volume there is no neighbour, and nothing is left out.

    Args:
        window: The window in the volume.
        size: Sides of the volume.
        roi: Sides of the window, even.
        margin: Fraction of the window to leave out at each end, at most half of the overlap.

    Returns:
        The part, with a halo where the window goes on: four voxels before it, where features and image begin
        together, and after it two for the features and four for the image.
    """
    inside, image, features, kept = [], [], [], []
    for extent, length, side in zip(window, size, roi, strict=True):
        begin = 0 if extent.start == 0 else margin_voxels(side, margin)
        end = side if extent.stop == length else side - margin_voxels(side, margin)
        first, high, last = max(begin - 2 * _HALO, 0), min(end + _HALO, side), min(end + 2 * _HALO, side)
        inside.append(slice(begin, end))
        image.append(slice(first, last))
        features.append(slice(first // 2, high // 2))
        kept.append(slice(begin - first, end - first))
    return WindowPart(*(tuple(axis) for axis in (inside, image, features, kept)))  # type: ignore[arg-type]

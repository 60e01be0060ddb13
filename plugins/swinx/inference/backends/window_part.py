"""The part of a window that is used, and what is read for it at each resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Slices", "WindowPart", "margin_voxels", "window_part"]

_BEGIN, _END = 4, 2
"""Voxels that are wrong, of what convolutions make of a part and of a map of half its resolution."""

Slices = tuple[slice, slice, slice]
"""A box of voxels, along each axis."""


class WindowPart(NamedTuple):
    """A part of a window and what is read for it at each resolution; all slices are in voxels of what they cut.

    A head makes scores of the image and of features at half the resolution, which a middle makes of tokens, at half the
    resolution as well, and of features at a quarter of it (:class:`swinx.inference.SplitNetwork`).

    Attributes:
        inside: The part, in the window.
        image: Part and halo, in the window.
        kept: The part, in what the head returns.
        skip: Part and wider halo, in the tokens.
        coarse: Part and wider halo, in the features at a quarter of the resolution.
        features: Part and halo, in what the middle returns.
    """

    inside: Slices
    image: Slices
    kept: Slices
    skip: Slices
    coarse: Slices
    features: Slices


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
        The part, with halos where the window goes on.
    """
    axes = []
    for extent, length, side in zip(window, size, roi, strict=True):
        begin = 0 if extent.start == 0 else margin_voxels(side, margin)
        end = side if extent.stop == length else side - margin_voxels(side, margin)
        image, features, kept = _read_for(begin, end, side)
        skip, coarse, made = _read_for(features.start, features.stop, side // 2)
        axes.append((slice(begin, end), image, kept, skip, coarse, made))
    return WindowPart(*zip(*axes, strict=True))


def _read_for(begin: int, end: int, side: int) -> tuple[slice, slice, slice]:
    """Return the voxels to read for a part of a map of ``side``, and the place of the part in the output.

    Returns:
        Slices of the map, and of one of half the resolution; both begin together, but the first goes on for two more
        voxels, since its own convolutions come first. The voxels, in what is made on the grid of the second.
    """
    first = max(begin - _BEGIN, 0) // 2
    last = min((end + 1) // 2 + _END // 2, side // 2)
    fine = slice(2 * first, min(2 * last + 2, side))
    return fine, slice(first, last), slice(begin - 2 * first, end - 2 * first)

"""Rules for the grid: voxel size, window of the network, overlap of windows."""

from __future__ import annotations

import math

from swinx.planning.fingerprint import Fingerprint, by

__all__ = ["MOST_VOXELS", "SPACINGS_MM", "body_voxels", "plan_overlap", "plan_pixdim", "plan_roi", "window_count"]

SPACINGS_MM = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""Voxel sizes that are planned; a plan takes the next finer one."""

MOST_VOXELS = 96**3
"""Voxels of the largest window: that of the published network, which its weights were trained with."""

_FINER = 3.0
_COARSER = 1.5
_DIVISOR = 32
_MOST_WINDOWS = 2000
_ROUNDING = 1e-9


def plan_pixdim(fingerprint: Fingerprint) -> tuple[list[float], str]:
    """Return the voxel size in mm along right, anterior, superior, and the reason.

    It is the same along all axes and keeps the volume of the median voxel, but makes no more than three voxels of one
    along an axis and no less than one of one and a half; rounded to the next finer of :data:`SPACINGS_MM`. So it is
    never finer for a coarser collection, whatever axis is the coarser one.
    """
    median = fingerprint.spacing_mm
    same = math.prod(median) ** (1 / 3)
    found = [min(max(same, size / _FINER), size * _COARSER) for size in median]
    pixdim = [_next_finer(size) for size in found]
    told = f"the median voxel of {by(median)} mm has the volume of a cube of {same:.2f} mm"
    if len({round(size, 6) for size in found}) > 1:
        limits = f"{by(tuple(found))} mm with at most {_FINER:g} voxels out of one and {_COARSER:g} in one"
        return pixdim, f"{told}; {limits}, rounded down"
    return pixdim, f"{told}, rounded down"


def body_voxels(fingerprint: Fingerprint, pixdim: list[float]) -> tuple[int, int, int]:
    """Return the size of the median body in voxels of the planned grid, at least 1."""
    x, y, z = (max(1, round(size / step)) for size, step in zip(fingerprint.body_mm, pixdim, strict=True))
    return x, y, z


def plan_roi(fingerprint: Fingerprint, pixdim: list[float], most_voxels: float) -> tuple[list[int], str]:
    """Return the window of the network in voxels, and the reason.

    The side that is shortest in mm grows by 32 voxels, as the network halves it five times, while it does not cover the
    body and the window has no more voxels than it may. The order of growth does not depend on this limit, so that a
    smaller one never makes a side longer.

    Args:
        fingerprint: Of the collection.
        pixdim: The planned voxel size.
        most_voxels: What the memory allows; :data:`MOST_VOXELS` is a limit, too.
    """
    body = body_voxels(fingerprint, pixdim)
    last = [max(_DIVISOR, math.ceil(size / _DIVISOR) * _DIVISOR) for size in body]
    limit = min(most_voxels, MOST_VOXELS)
    roi = [_DIVISOR] * 3
    while growing := [axis for axis in range(3) if roi[axis] < last[axis]]:
        axis = min(growing, key=lambda each: (round(roi[each] * pixdim[each], 6), each))
        larger = [side + _DIVISOR * (number == axis) for number, side in enumerate(roi)]
        if math.prod(larger) > limit * (1 + _ROUNDING):
            break
        roi = larger
    why = "as the memory allows" if limit < MOST_VOXELS else "the published window's number of voxels"
    if all(side >= full for side, full in zip(roi, last, strict=True)):
        why = "which cover it"
    sides = by(tuple(side * step for side, step in zip(roi, pixdim, strict=True)), 0)
    return roi, f"multiples of {_DIVISOR}, {sides} mm of the median body of {by(fingerprint.body_mm, 0)} mm, {why}"


def plan_overlap(fingerprint: Fingerprint, pixdim: list[float], roi: list[int]) -> tuple[float, str]:
    """Return the overlap of windows, and the reason: 0.5, and 0.25 where that makes very many windows."""
    body = body_voxels(fingerprint, pixdim)
    count = window_count(body, roi, 0.5)
    told = f"the median body of {by(fingerprint.body_mm, 0)} mm takes {count} windows at 0.5"
    if count > _MOST_WINDOWS:
        return 0.25, f"{told}, more than {_MOST_WINDOWS}, and {window_count(body, roi, 0.25)} at 0.25"
    return 0.5, f"{told}; less overlap costs Dice (docs/performance.md)"


def window_count(body: tuple[int, int, int], roi: list[int], overlap: float) -> int:
    """Return the number of windows that cover a volume.

    Examples:
        >>> window_count((360, 282, 331), [96, 96, 96], 0.5)
        210
    """
    steps = [max(1, int(side * (1 - overlap))) for side in roi]
    return math.prod(
        math.ceil(max(size - side, 0) / step) + 1 for size, side, step in zip(body, roi, steps, strict=True)
    )


def _next_finer(size: float) -> float:
    finer = [step for step in SPACINGS_MM if step <= size * (1 + _ROUNDING)]
    return finer[-1] if finer else SPACINGS_MM[0]

"""Pixel padding of DICOM slices: the value outside the field of view.

Source: DICOM PS3.3, C.7.5.1.1.2 (Pixel Padding Value and Pixel Padding Range Limit).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from swinx.data.dicom.dicom_headers import SliceHeader
from swinx.rules import ValueRules

__all__ = ["AIR_HU", "fill_padding"]

AIR_HU = -1024

_AIR_FROM_HU = -900
_DENSEST_HU = 3071
_FOUR_NEIGHBOURS = ndimage.generate_binary_structure(2, 1)


def fill_padding(array: NDArray[Any], headers: Sequence[SliceHeader]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Replace padding by air.

    Padding that is air in HU, or below it, stays as it is. Padding that no tissue can be (above 3071 HU) is replaced
    wherever it occurs, other padding only where it is connected with the border of its slice: headers exist whose
    padding value is that of water.

    Args:
        array: Voxels in HU, ``(x, y, z)``; changed in place where its type can hold -1024.
        headers: One per slice, in the order of the last axis.

    Returns:
        The voxels, and a note if any were replaced.
    """
    count, values = 0, set()
    for index, header in enumerate(headers):
        bounds = _padding_hu(header)
        if bounds is None or max(bounds) <= _AIR_FROM_HU:
            continue
        low, high = min(bounds), max(bounds)
        half_step = abs(_scale(header)[0]) / 2
        mask = (array[..., index] >= low - half_step) & (array[..., index] <= high + half_step)
        if low <= _DENSEST_HU:
            mask = _connected_with_border(mask)
        if mask.any():
            array = _able_to_hold_air(array)
            array[..., index][mask] = AIR_HU
            count += int(mask.sum())
            values.add(low)
    if not count:
        return array, ()
    told = ", ".join(f"{value:g}" for value in sorted(values))
    return array, (ValueRules.PADDING.says(count=count, value=told),)


def _padding_hu(header: SliceHeader) -> tuple[float, float] | None:
    """Return the range of padding in HU; None if the header states no padding."""
    if header.padding is None:
        return None
    slope, intercept = _scale(header)
    ends = [header.padding, header.padding if header.padding_limit is None else header.padding_limit]
    first, last = (_as_stored(end, header) * slope + intercept for end in ends)
    return first, last


def _as_stored(value: int, header: SliceHeader) -> int:
    """Return a padding value, read as the pixels are: signed or not, with the stored bits only."""
    bits = min(header.bits_stored or 16, 16)
    if header.signed:
        return value - (1 << 16) if value >= 1 << 15 else value
    return value & ((1 << bits) - 1) if value >= 1 << bits and bits < 16 else value


def _scale(header: SliceHeader) -> tuple[float, float]:
    try:
        return float(header.slope or 1), float(header.intercept or 0)
    except ValueError:
        return 1.0, 0.0


def _connected_with_border(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    pieces, _ = ndimage.label(mask, _FOUR_NEIGHBOURS)
    at_border = np.unique(np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]]))
    return np.isin(pieces, at_border[at_border > 0])


def _able_to_hold_air(array: NDArray[Any]) -> NDArray[Any]:
    if not array.flags.writeable:
        array = array.copy()
    return array if array.dtype.kind in "if" and np.dtype(array.dtype).itemsize > 1 else array.astype(np.int32)

"""Checks of the voxels of images and label maps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swinx.geometry.grids import check_affine
from swinx.labels import FLARE23, UNKNOWN, ClassNumbers
from swinx.rules import LabelRules, ValueRules, VoxelRules

__all__ = [
    "READER_NOTES",
    "find_image_faults",
    "find_image_notes",
    "find_label_faults",
    "find_shape_faults",
    "label_values",
    "looks_like_labels",
    "reader_notes",
]

READER_NOTES = "reader_notes"
"""Key of the metadata in which a reader notes what is unusual about a volume, a line each."""


_MIN_SIDE = 2
_MANY = 10
_AIR_HU = (-1100, -600)
_BONE_HU = 700
_DENSEST_HU = 32767
_LITTLE = 1e-3
_LEAST_RANGE_HU = 100
_RANGE_OF_8_BITS = 255

_TISSUE_HU = (-300, 300)
_MUCH_BELOW_AIR = 0.05
_FEW_VALUES = 16
"""As many different values below air are padding."""

_MUCH_BONE = 0.05
"""Share of dense bone in a scan without air: a vertebra has less, and HU + 1024 nearly all soft tissue."""

_MUCH_BONE_BESIDE_AIR = 0.1
_MOST_CLASSES = 130
_LEAST_ALIKE = 0.8
_SAMPLE = 2_000_000


def find_shape_faults(shape: Sequence[int], channels: int = 1) -> list[str]:
    """Return the reasons why an array of this shape is no 3D volume; an empty list if it is one.

    Args:
        shape: Array shape without channels.
        channels: Values per voxel: 1 for a scan or a label map, 3 for RGB.

    Examples:
        >>> find_shape_faults((512, 512, 1))
        ['single slice: shape 512 x 512 x 1 needs at least 2 voxels along each axis']
    """
    written = " x ".join(str(int(side)) for side in shape)
    if channels != 1:
        return [VoxelRules.CHANNELS.says(channels=channels)]
    if len(shape) != 3:
        return [VoxelRules.DIMENSIONS.says(dimensions=len(shape), shape=written or "()")]
    if 0 in shape:
        return [VoxelRules.NO_VOXELS.says(shape=written)]
    if min(shape) < _MIN_SIDE:
        return [VoxelRules.ONE_SLICE.says(shape=written, least=_MIN_SIDE)]
    return []


def find_image_faults(array: NDArray[Any], affine: NDArray[Any] | None = None) -> list[str]:
    """Return the reasons why an image cannot be segmented; an empty list if it can.

    Args:
        array: Voxels in HU, any shape and dtype.
        affine: If given, the 4x4 voxel-to-world matrix in mm is checked as well.

    Returns:
        One sentence per fault: not 3D, RGB or complex, no voxels, single slice, NaN or infinite voxels
        (counted), one and the same value everywhere, unusable affine.
    """
    if faults := _find_storage_faults(array):
        return faults
    faults = [] if affine is None else check_affine(affine, array.shape)
    # NaN spreads through min and max, so two passes without a temporary array settle the usual case.
    with np.errstate(invalid="ignore"):
        low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        nans, infinite = int(np.isnan(array).sum()), int(np.isinf(array).sum())
        faults.append(VoxelRules.NOT_FINITE.says(nans=nans, infinite=infinite, count=array.size))
    elif low == high:
        faults.append(VoxelRules.CONSTANT.says(value=float(low)))
    return faults


def find_image_notes(array: NDArray[Any], hu: bool = True, trained: bool = False) -> list[str]:
    """Return notes on unusual values of a scan that can still be segmented.

    The rules find values that were never rescaled (HU + 1024, wrapped numbers, 0..255, 0..1), or twice, images of
    other modalities, and label maps.

    Args:
        array: A volume in which :func:`find_image_faults` found nothing.
        hu: Whether the values should be HU; otherwise label maps alone are told.
        trained: Whether weights that are trained already will segment it, so that no setting can be advised.

    Examples:
        >>> find_image_notes(np.arange(256).reshape(4, 8, 8))[0]  # doctest: +ELLIPSIS
        'the values are not plausible HU: 0..255, without air; were they rescaled to HU?...'
    """
    low, high = float(array.min()), float(array.max())
    if looks_like_labels(array):
        return [ValueRules.LABELS.says(count=label_values(array).size, low=low, high=high)]
    advice = (ValueRules.WEIGHTS_OF_CT if trained else ValueRules.OTHER_SCANS).says()
    return [f"{note}; {advice}" for note in _hu_notes(array, low, high)] if hu else []


def _hu_notes(array: NDArray[Any], low: float, high: float) -> list[str]:
    if high > _DENSEST_HU:
        return [ValueRules.TOO_DENSE.says(low=low, high=high)]
    sample = _sample(array)
    measured = sample[sample > low]  # the lowest value may be padding
    air = np.count_nonzero((measured >= _AIR_HU[0]) & (measured <= _AIR_HU[1])) / max(measured.size, 1)
    dense = np.count_nonzero(measured > _BONE_HU) / max(measured.size, 1)
    if air < _LITTLE and (low >= 0 or high - low < _LEAST_RANGE_HU or high - low == _RANGE_OF_8_BITS):
        return [ValueRules.NO_AIR.says(low=low, high=high)]
    below = measured[measured < _AIR_HU[0]]
    share = below.size / max(measured.size, 1)
    if share > _MUCH_BELOW_AIR and np.unique(below).size > _FEW_VALUES:
        return [ValueRules.BELOW_AIR.says(share=100 * share, low=low)]
    tissue = np.count_nonzero((measured >= _TISSUE_HU[0]) & (measured <= _TISSUE_HU[1])) / max(measured.size, 1)
    if tissue < _LITTLE:
        return [ValueRules.NO_TISSUE.says(low=low, high=high)]
    if dense > (_MUCH_BONE if air < _LITTLE else _MUCH_BONE_BESIDE_AIR) and air < dense / 2:
        return [ValueRules.BONE.says(dense=100 * dense, air=100 * air)]
    return []


def looks_like_labels(array: NDArray[Any]) -> bool:
    """Return whether a volume has the values of a label map: few whole numbers from 0, in large uniform areas.

    Args:
        array: Volume ``(X, Y, Z)`` of any dtype, without NaN.

    Examples:
        >>> looks_like_labels(np.repeat(np.arange(4), 64).reshape(16, 4, 4))
        True
        >>> looks_like_labels(np.random.default_rng(0).integers(0, 4, (16, 16, 16)))
        False
    """
    if array.min() < 0 or array.max() > UNKNOWN or array.min() == array.max():
        return False
    sample = _sample(array)
    values = np.unique(sample)
    if values.size > _MOST_CLASSES or not np.array_equal(values, np.floor(values)):
        return False
    middle = np.take(array, array.shape[-1] // 2, axis=-1)
    alike = np.count_nonzero(middle[1:] == middle[:-1]) / max(middle[1:].size, 1)
    if alike < _LEAST_ALIKE:
        return False
    # Slice by slice: a copy of a whole volume may be too large for the memory.
    parts = () if array.dtype.kind in "iub" else (array[..., index] for index in range(array.shape[-1]))
    return all(np.array_equal(part, np.floor(part)) for part in parts)


def reader_notes(item: Mapping[Any, Any]) -> list[str]:
    """Return the notes of the readers of an item's volumes, each sentence once."""
    told = [str(getattr(value, "meta", {}).get(READER_NOTES, "")) for value in item.values()]
    return list(dict.fromkeys(line for text in told for line in text.splitlines()))


def _sample(array: NDArray[Any]) -> NDArray[Any]:
    """Return at most a few million voxels, evenly spread."""
    step = max(1, array.size // _SAMPLE)
    flat: NDArray[Any] = array.ravel(order="K")[::step]
    return flat


def find_label_faults(
    array: NDArray[Any],
    numbers: ClassNumbers | Collection[int] = range(FLARE23.num_classes),
    allow_empty: bool = False,
    allow_unknown: bool = False,
    set_name: str = "",
) -> list[str]:
    """Return the reasons why a label map cannot be used; an empty list if it can.

    Args:
        array: Numbers of classes, any shape and dtype.
        numbers: The numbers that may occur, with 0: class ids, or the numbers of a label file and what they mean.
        allow_empty: Accept a map without a voxel of any class.
        allow_unknown: Accept voxels of unknown class: :data:`swinx.labels.UNKNOWN`, and numbers that mean it.
        set_name: Name of the label set, for the message.

    Returns:
        One sentence per fault: not 3D, RGB or complex, no voxels, single slice, NaN or infinite,
        values between integers, numbers that are no class (named), nothing but background.
    """
    if faults := _find_storage_faults(array):
        return faults
    values = label_values(array)
    if not np.isfinite(values).all():
        return [LabelRules.NOT_FINITE.says(count=int((~np.isfinite(array)).sum()))]
    faults = []
    whole = values == np.floor(values)
    if not whole.all():
        faults.append(LabelRules.NOT_WHOLE.says(values=_first(values[~whole])))
    meaning = dict(numbers.ids) if isinstance(numbers, ClassNumbers) else {number: number for number in numbers}
    meaning.setdefault(UNKNOWN, UNKNOWN)
    allowed = {number for number, label in meaning.items() if allow_unknown or label != UNKNOWN}
    if (strange := values[whole & ~np.isin(values, list(allowed))]).size:
        told = {"allowed": _ranges(allowed - {UNKNOWN}), "ids": _first(strange)}
        rule = LabelRules.OUTSIDE_SET if set_name else LabelRules.OUTSIDE
        faults.append(rule.says(**told, name=set_name))
    if not faults and not allow_empty and not any(meaning[int(value)] not in (0, UNKNOWN) for value in values):
        faults.append((LabelRules.EMPTY_OR_UNKNOWN if allow_unknown else LabelRules.EMPTY).says())
    return faults


def label_values(array: NDArray[Any]) -> NDArray[Any]:
    """Return the distinct values of a label map in ascending order, in the dtype of ``array``.

    Works slice by slice along the last axis: sorting a whole scan at once takes many times longer.

    Examples:
        >>> label_values(np.array([[0, 3], [14, 0]])).tolist()
        [0, 3, 14]
    """
    found = np.empty(0, dtype=array.dtype)
    for index in range(array.shape[-1]):
        part = array[..., index]
        if part.size and part.min() == part.max():
            part = part.flat[0]
        elif array.dtype == np.uint8:  # counting is several times as fast as sorting
            part = np.flatnonzero(np.bincount(part.ravel(order="K"))).astype(array.dtype)
        found = np.union1d(found, part)
    return found


def _find_storage_faults(array: NDArray[Any]) -> list[str]:
    if array.dtype.fields is not None:
        return find_shape_faults(array.shape, channels=len(array.dtype.fields))
    if array.dtype.kind not in "biuf":
        return [VoxelRules.TYPE.says(kind=array.dtype)]
    return find_shape_faults(array.shape)


def _first(values: NDArray[Any]) -> str:
    shown = ", ".join(f"{value:g}" if values.dtype.kind == "f" else str(value) for value in values[:_MANY].tolist())
    return shown if values.size <= _MANY else f"{shown} and {values.size - _MANY} more"


def _ranges(numbers: Collection[int]) -> str:
    """Return numbers as ranges, such as ``0..3, 7``."""
    ordered = np.array(sorted(numbers))
    runs = np.split(ordered, np.flatnonzero(np.diff(ordered) > 1) + 1)
    shown = [f"{run[0]}..{run[-1]}" if run.size > 1 else str(run[0]) for run in runs[:_MANY]]
    return ", ".join(shown) + (" ..." if len(runs) > _MANY else "")

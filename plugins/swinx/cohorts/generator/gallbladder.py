"""Gallbladder for a patient who has none, so that a training sees the organ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from swinx.labels import read_label_set

__all__ = ["with_gallbladder"]

_SEMI_AXES_MM = (15.0, 13.0, 32.0)
_DIRECTION = (0.15, 0.45, -0.88)
"""From neck to fundus, in the world: to the right, to the front, down."""

_BILE_HU, _GRAIN_HU = 8.0, 12.0
_FROM_SPINE_MM = 48.0
_REPLACED = ("liver", "colon", "duodenum", "small_bowel")


def with_gallbladder(
    hounsfield: NDArray[np.generic], structures: NDArray[np.uint8], affine: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return image and structures with a pear of bile at the lower surface of the liver.

    It lies about 5 cm to the right of the spine, below the front half of the liver, and takes the place of liver, bowel
    and unlabelled tissue. Without liver or lumbar spine nothing changes.

    Args:
        hounsfield: Image in HU ``(X, Y, Z)``.
        structures: TotalSegmentator numbers on the same grid.
        affine: Voxel index to RAS+ world, ``(4, 4)``, mm.
    """
    names = read_label_set("totalsegmentator").names
    image, labels = hounsfield.astype(np.float32), structures.copy()
    spine = [number for number, name in enumerate(names) if name.startswith(("vertebrae_L", "vertebrae_T12"))]
    place = _fossa(labels, affine, names.index("liver"), spine)
    if place is None:
        return image, labels
    direction = np.array(_DIRECTION) / np.linalg.norm(_DIRECTION)
    centre = place + direction * 0.55 * _SEMI_AXES_MM[2]
    reach = np.ceil(1.4 * _SEMI_AXES_MM[2] / np.linalg.norm(affine[:3, :3], axis=0)).astype(int)
    middle = np.rint(np.linalg.solve(affine[:3, :3], centre - affine[:3, 3])).astype(int)
    low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach + 1, labels.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    index = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"), axis=-1)
    away = index @ affine[:3, :3].T + affine[:3, 3] - centre
    along = away @ direction
    across = np.linalg.norm(away - along[..., None] * direction, axis=-1)
    width = (_SEMI_AXES_MM[0] + _SEMI_AXES_MM[1]) / 2 * (0.8 + 0.25 * along / _SEMI_AXES_MM[2])  # wider at the fundus
    pear = (across / np.maximum(width, 3.0)) ** 2 + (along / _SEMI_AXES_MM[2]) ** 2 < 1
    pear &= np.isin(labels[box], [0, *(names.index(name) for name in _REPLACED)])
    labels[box][pear] = names.index("gallbladder")
    grain = np.random.default_rng(0).normal(0, _GRAIN_HU, int(pear.sum()))
    image[box][pear] = _BILE_HU + grain
    return image, labels


def _fossa(
    structures: NDArray[np.uint8], affine: NDArray[np.float64], liver: int, spine: list[int]
) -> NDArray[np.float64] | None:
    """Return a point of the lower surface of the liver, in the world; None if there is none."""
    bones = np.argwhere(np.isin(structures[::4, ::4, ::2], spine)) * (4, 4, 2)
    inside = np.argwhere(structures[::2, ::2] == liver) * (2, 2, 1)
    if len(bones) == 0 or len(inside) == 0:
        return None
    midline = float((bones @ affine[:3, :3].T + affine[:3, 3])[:, 0].mean())
    world = inside @ affine[:3, :3].T + affine[:3, 3]
    near = world[np.abs(world[:, 0] - midline - _FROM_SPINE_MM) < 8]
    near = near[near[:, 1] > np.median(world[:, 1])] if len(near) else near
    if len(near) == 0:
        return None
    columns = np.floor(near[:, 1] / 6).astype(int)
    lowest = np.array(
        [near[columns == column][near[columns == column][:, 2].argmin()] for column in np.unique(columns)]
    )
    point: NDArray[np.float64] = lowest[len(lowest) // 2]
    return point

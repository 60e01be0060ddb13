"""Volumes of label maps, conflicts of two maps, disagreement of several."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from swinx.geometry import voxel_volume_mm3
from swinx.labels import UNKNOWN

__all__ = ["classes_at_border", "conflicts_ml", "disagreement", "disagreement_by_class", "volumes_ml"]


def volumes_ml(labels: NDArray[np.uint8], affine: ArrayLike) -> dict[int, float]:
    """Return the volume in ml of every class that occurs, 255 among them; background is left out.

    Args:
        labels: ``(X, Y, Z)``.
        affine: ``(4, 4)``, voxel index to mm.

    Examples:
        >>> volumes_ml(np.array([[[0, 1, 1, 255]]], dtype=np.uint8), np.diag([10.0, 10.0, 10.0, 1.0]))
        {1: 2.0, 255: 1.0}
    """
    counts = np.bincount(labels.ravel(), minlength=256) * (voxel_volume_mm3(affine) / 1000)
    return {int(value): round(float(counts[value]), 4) for value in np.flatnonzero(counts) if value}


def classes_at_border(labels: NDArray[np.uint8]) -> tuple[int, ...]:
    """Return the classes that have a voxel in the outermost layer of the volume, ascending; 255 among them.

    Examples:
        >>> labels = np.zeros((3, 3, 3), dtype=np.uint8)
        >>> labels[1, 1, 1], labels[1, 1, 2] = 1, 2
        >>> classes_at_border(labels)
        (2,)
    """
    faces = [labels.take(end, axis=axis).ravel() for axis in range(labels.ndim) for end in (0, -1)]
    return tuple(int(value) for value in np.unique(np.concatenate(faces)) if value)


def conflicts_ml(truth: NDArray[np.uint8], pseudo: NDArray[np.uint8], affine: ArrayLike) -> dict[int, dict[int, float]]:
    """Return the overlaps of truth and pseudo label in ml: annotated class -> pseudo class -> volume.

    Pairs of two backgrounds, and pairs that do not occur, are left out.
    """
    pairs = truth.ravel().astype(np.int64) * 256 + pseudo.ravel()
    counts = np.bincount(pairs, minlength=256 * 256).reshape(256, 256) * (voxel_volume_mm3(affine) / 1000)
    counts[0, 0] = 0
    table: dict[int, dict[int, float]] = {}
    for annotated, claimed in np.argwhere(counts):
        table.setdefault(int(annotated), {})[int(claimed)] = round(float(counts[annotated, claimed]), 4)
    return table


def disagreement(maps: Sequence[NDArray[np.uint8]], value: int | None = None) -> float:
    r"""Return the disagreement of label maps of one scan, in their order.

    .. math:: u = \frac{1}{n-1} \sum_{i=1}^{n-1} \frac{|L_i \neq L_{i+1}|}{|L_{i+1} > 0|}

    Where :math:`L_{i+1}` is empty the denominator is the foreground of :math:`L_i`, so that an empty map is
    in full disagreement (1) with one that is not, and in none with another empty one. Voxels that are 255 in either
    map do not count.

    Args:
        maps: Two or more maps of one shape: of rounds, folds or teachers.
        value: One class id, to compare that class alone; by default all classes.

    Raises:
        ValueError: If there are fewer than two maps.

    Reference:
        The selection of pseudo labels by the winner of FLARE-22: Huang et al., "Revisiting nnU-Net for Iterative
        Pseudo Labeling and Efficient Sliding Window Inference", 2022, with three rounds.
    """
    if len(maps) < 2:
        raise ValueError(f"{len(maps)} label map(s) cannot disagree; give two or more")
    shares = []
    for first, second in pairwise(maps):
        sure = (first != UNKNOWN) & (second != UNKNOWN)
        one, other = ((m[sure] == value if value is not None else m[sure]) for m in (first, second))
        foreground = int(np.count_nonzero(other)) or int(np.count_nonzero(one))
        shares.append(float(np.count_nonzero(one != other)) / foreground if foreground else 0.0)
    return float(np.mean(shares))


def disagreement_by_class(maps: Sequence[NDArray[np.uint8]]) -> dict[int, float]:
    """Return the disagreement of every class that occurs in any of the maps, see :func:`disagreement`.

    Args:
        maps: Two or more maps of one shape.

    Examples:
        >>> one, other = np.array([1, 1, 2, 0], dtype=np.uint8), np.array([1, 1, 0, 0], dtype=np.uint8)
        >>> disagreement_by_class([one, other])
        {1: 0.0, 2: 1.0}
    """
    found = sorted({int(value) for labels in maps for value in np.unique(labels)} - {0, UNKNOWN})
    return {value: round(disagreement(maps, value), 6) for value in found}

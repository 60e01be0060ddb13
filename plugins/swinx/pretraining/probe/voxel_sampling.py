"""Draw a few voxels of every class from a label map."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swinx.labels import NUM_CLASSES, ORGANS

__all__ = ["case_generator", "certain_classes", "draw_class_voxels"]


def certain_classes(annotated: Collection[int] | None, include_background: bool) -> tuple[int, ...]:
    """Return the class ids whose voxels in a partly annotated label map are what they are labelled.

    A foreground voxel is certain; a background voxel is only where every organ was annotated, since it may
    belong to an organ that nobody drew.

    Args:
        annotated: Class ids that are annotated completely; None if nobody recorded them.
        include_background: Return the background, too, where it is certain.

    Returns:
        Ids in rising order: those annotated, or all of the foreground if nobody recorded them.

    Examples:
        >>> certain_classes([14, 1], include_background=True)
        (1, 14)
        >>> certain_classes(range(1, 14), include_background=True)[:3]
        (0, 1, 2)
    """
    if annotated is None:
        return tuple(range(1, NUM_CLASSES))
    complete = include_background and set(ORGANS) <= set(annotated)
    return tuple(sorted({*([0] if complete else []), *(int(label) for label in annotated)}))


def draw_class_voxels(
    labels: NDArray[Any], classes: Collection[int], per_class: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw voxels of each class, without replacement, each equally likely.

    Args:
        labels: Class ids, shape ``(X, Y, Z)``.
        classes: Ids to draw; a class that the map lacks is left out.
        per_class: Most voxels of one class; a class with fewer gives all of them.
        random: Source of randomness.

    Returns:
        Indices of the voxels, shape ``(N, 3)``, and their classes, ``(N,)``; class by class in rising order.

    Raises:
        ValueError: If the map is not 3D, or ``per_class`` is not positive.

    Examples:
        >>> labels = np.zeros((2, 2, 2), dtype=np.uint8)
        >>> labels[1, 0, 1] = 5
        >>> voxels, classes = draw_class_voxels(labels, [5, 9], 10, np.random.default_rng(0))
        >>> voxels.tolist(), classes.tolist()
        ([[1, 0, 1]], [5])
    """
    if labels.ndim != 3 or per_class < 1:
        raise ValueError(f"need a 3D label map, not {labels.shape}, and at least one voxel per class, not {per_class}")
    flat = labels.reshape(-1)
    places, ids = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for label in sorted(classes):
        found = np.flatnonzero(flat == label)
        drawn = np.sort(random.choice(found, size=min(per_class, found.size), replace=False))
        places.append(drawn)
        ids.append(np.full(drawn.size, label, dtype=np.int64))
    voxels = np.stack(np.unravel_index(np.concatenate(places), labels.shape), axis=1).astype(np.int64)
    return voxels, np.concatenate(ids)


def case_generator(seed: int, case: str) -> np.random.Generator:
    """Return a generator that depends on the seed and the name of a case alone, not on the order of cases."""
    return np.random.default_rng([seed, zlib.crc32(case.encode())])

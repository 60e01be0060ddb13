"""One label map of several binary masks that may overlap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swinx.labels import NUM_CLASSES

__all__ = ["MergedMasks", "merge_masks"]


@dataclass(frozen=True)
class MergedMasks:
    """A label map, and how much of it was claimed by several masks.

    Attributes:
        labels: Class ids, uint8, in the shape of the masks.
        overlapping: Voxels that lie in more than one mask.
        share: Their share of the voxels that lie in any, 0 to 1; 0 if there are none.
    """

    labels: NDArray[np.uint8]
    overlapping: int
    share: float


def merge_masks(masks: Mapping[int, NDArray[Any]]) -> MergedMasks:
    """Merge binary masks into a label map; where masks overlap, the highest class id counts.

    Class ids follow the order of :data:`swinx.labels.CLASS_NAMES`, whatever the order of the masks. The tumour is the
    last: it lies in an organ, and its voxels are tumour.

    Args:
        masks: A mask for each class id 1..14, all of one shape; every value that is not 0 is inside.

    Raises:
        ValueError: If there is no mask, an id is no class, or shapes differ.

    Examples:
        >>> merged = merge_masks({14: np.array([0, 1, 1]), 1: np.array([1, 1, 0])})
        >>> merged.labels.tolist(), merged.overlapping, round(merged.share, 2)
        ([1, 14, 14], 1, 0.33)
    """
    if not masks:
        raise ValueError("no mask to merge; give one for each class")
    if strange := sorted(set(masks) - set(range(1, NUM_CLASSES))):
        raise ValueError(f"masks of {strange}; classes have the ids 1..{NUM_CLASSES - 1}")
    shapes = {masks[value].shape for value in masks}
    if len(shapes) > 1:
        raise ValueError(f"masks of the shapes {sorted(shapes)}; all must lie on one grid")
    labels = np.zeros(shapes.pop(), dtype=np.uint8)
    several = np.zeros(labels.shape, dtype=bool)
    for value in sorted(masks):
        inside = masks[value] != 0
        several |= inside & (labels != 0)
        labels[inside] = value
    overlapping, anywhere = int(np.count_nonzero(several)), int(np.count_nonzero(labels))
    return MergedMasks(labels, overlapping, overlapping / anywhere if anywhere else 0.0)

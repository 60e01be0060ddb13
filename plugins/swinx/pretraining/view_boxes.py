"""Random positions of the two views in a scan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_view_starts"]


def draw_view_starts(
    shape: Sequence[int], region_size: Sequence[int], view_size: Sequence[int], random: np.random.RandomState
) -> NDArray[np.int64]:
    """Draw a region of a volume, and in it, independently of each other, two boxes that may overlap.

    All positions are equally likely, of the region in the volume and of a box in the region. Along an axis on which the
    volume is smaller than the region, the region is the volume; on which it is smaller than a box, the box is, too.

    Args:
        shape: Sides of the volume in voxels.
        region_size: Sides of the region, no smaller than ``view_size``.
        view_size: Sides of the boxes.
        random: Source of randomness.

    Returns:
        First voxel of either box, ``(2, 3)``.

    Examples:
        >>> draw_view_starts((96, 96, 4), (128, 96, 8), (96, 96, 8), np.random.RandomState(0)).tolist()
        [[0, 0, 0], [0, 0, 0]]
    """
    volume = np.array(shape, dtype=np.int64)
    region = np.minimum(region_size, volume)
    view = np.minimum(view_size, region)
    region_start = random.randint(0, volume - region + 1)
    starts: NDArray[np.int64] = region_start + random.randint(0, region - view + 1, size=(2, len(volume)))
    return starts

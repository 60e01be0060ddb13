"""Lesions at the organs where they are expected."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from swinx.geometry import Component, components_of, voxel_sizes_mm

__all__ = ["keep_hosted_lesions"]


def keep_hosted_lesions(
    pseudo: NDArray[np.uint8],
    organs: NDArray[np.uint8],
    affine: NDArray[np.float64],
    minimum_volume_mm3: float,
    reach_mm: float,
    lesion: int,
    hosts: Collection[int],
) -> NDArray[np.uint8]:
    """Return a pseudo label without lesions of one class that are too small or too far from any host.

    Args:
        pseudo: Pseudo label, ``(X, Y, Z)``.
        organs: Where the organs are, same grid.
        affine: ``(4, 4)``, voxel index to mm.
        minimum_volume_mm3: Least volume of a connected lesion.
        reach_mm: Largest distance from a lesion voxel's centre to that of a host, beyond that of neighbours.
        lesion: Class id of the lesions.
        hosts: Class ids of the hosts; without any the place does not matter.
    """
    kept = pseudo.copy()
    for found in components_of(pseudo, lesion, affine):
        at_home = not hosts or _touches(found, organs, affine, reach_mm, hosts)
        if found.volume_mm3 < minimum_volume_mm3 or not at_home:
            kept[found.box][found.inside] = 0
    return kept


def _touches(
    lesion: Component,
    organs: NDArray[np.uint8],
    affine: NDArray[np.float64],
    reach_mm: float,
    hosts: Collection[int],
) -> bool:
    sizes_mm = voxel_sizes_mm(affine)
    limit_mm = reach_mm + float(sizes_mm.max())
    margins = np.ceil(limit_mm / sizes_mm).astype(int)
    box = tuple(
        slice(max(side.start - margin, 0), side.stop + margin) for side, margin in zip(lesion.box, margins, strict=True)
    )
    near = np.isin(organs[box], list(hosts))
    if not near.any():
        return False
    offsets = [side.start - whole.start for side, whole in zip(lesion.box, box, strict=True)]
    inner = tuple(slice(o, o + length) for o, length in zip(offsets, lesion.inside.shape, strict=True))
    distance = ndimage.distance_transform_edt(~near, sampling=sizes_mm)
    return bool(distance[inner][lesion.inside].min() <= limit_mm)

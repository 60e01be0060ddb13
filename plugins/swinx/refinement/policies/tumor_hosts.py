"""Tumours at the organs where tumours are expected."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from swinx.geometry import Component, components_of, voxel_sizes_mm
from swinx.labels import FlareLabel

__all__ = ["DEFAULT_HOSTS", "keep_hosted_tumors"]

DEFAULT_HOSTS = tuple(
    int(value)
    for value in FlareLabel
    if value not in (FlareLabel.BACKGROUND, FlareLabel.TUMOR, FlareLabel.AORTA, FlareLabel.INFERIOR_VENA_CAVA)
)
"""All organs but the two vessels."""


def keep_hosted_tumors(
    pseudo: NDArray[np.uint8],
    organs: NDArray[np.uint8],
    affine: NDArray[np.float64],
    minimum_volume_mm3: float,
    reach_mm: float,
    hosts: Collection[int] = DEFAULT_HOSTS,
) -> NDArray[np.uint8]:
    """Return a pseudo label without tumours that are too small or too far from any host.

    Args:
        pseudo: Pseudo label, ``(X, Y, Z)``.
        organs: Where the organs are, same grid.
        affine: ``(4, 4)``, voxel index to mm.
        minimum_volume_mm3: Least volume of a connected tumour.
        reach_mm: Largest distance from a tumour voxel's centre to that of a host, beyond that of neighbours.
        hosts: Class ids of the hosts.
    """
    kept = pseudo.copy()
    for tumor in components_of(pseudo, FlareLabel.TUMOR, affine):
        if tumor.volume_mm3 < minimum_volume_mm3 or not _touches(tumor, organs, affine, reach_mm, hosts):
            kept[tumor.box][tumor.inside] = 0
    return kept


def _touches(
    tumor: Component,
    organs: NDArray[np.uint8],
    affine: NDArray[np.float64],
    reach_mm: float,
    hosts: Collection[int],
) -> bool:
    sizes_mm = voxel_sizes_mm(affine)
    limit_mm = reach_mm + float(sizes_mm.max())
    margins = np.ceil(limit_mm / sizes_mm).astype(int)
    box = tuple(
        slice(max(side.start - margin, 0), side.stop + margin) for side, margin in zip(tumor.box, margins, strict=True)
    )
    near = np.isin(organs[box], list(hosts))
    if not near.any():
        return False
    offsets = [side.start - whole.start for side, whole in zip(tumor.box, box, strict=True)]
    inner = tuple(slice(o, o + length) for o, length in zip(offsets, tumor.inside.shape, strict=True))
    distance = ndimage.distance_transform_edt(~near, sampling=sizes_mm)
    return bool(distance[inner][tumor.inside].min() <= limit_mm)

"""Body of a scan without table and air, and its outline by height."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, binary_opening, label

__all__ = ["BodyOutline", "body_mask"]

_BODY_HU = -250.0
_COARSE_MM = 4.0
_SLAB_MM = 10.0


def body_mask(hounsfield: NDArray[np.float32], spacing_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the voxels of the patient: the largest connected part without thin things, holes filled.

    The search is done on every n-th voxel, so that the surface is exact to about 4 mm.

    Args:
        hounsfield: Intensities ``(X, Y, Z)`` in HU.
        spacing_mm: Voxel size along each axis.
    """
    steps = [max(1, round(_COARSE_MM / size)) for size in spacing_mm]
    coarse = hounsfield[:: steps[0], :: steps[1], :: steps[2]] > _BODY_HU
    coarse = binary_opening(np.pad(coarse, 2, mode="edge"), iterations=2)[2:-2, 2:-2, 2:-2]
    parts, count = label(coarse)
    if count == 0:
        return np.zeros(hounsfield.shape, dtype=bool)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    body = parts == int(sizes.argmax())
    for axis in range(3):  # lungs and bowel are open to the ends of the scan along one axis, closed in the others
        for index in range(body.shape[axis]):
            where = tuple(index if a == axis else slice(None) for a in range(3))
            body[where] = binary_fill_holes(body[where])
    for axis, step in enumerate(steps):
        body = body.repeat(step, axis=axis)
    x, y, z = hounsfield.shape
    return np.asarray(body[:x, :y, :z])


@dataclass(frozen=True)
class BodyOutline:
    """Ellipses around the body, one for every height.

    Attributes:
        heights: Heights in the world in mm, rising, ``(N,)``.
        ellipses: Centre right, centre anterior, half-width, half-depth, in mm, ``(N, 4)``.
    """

    heights: NDArray[np.float64]
    ellipses: NDArray[np.float64]

    @classmethod
    def of(cls, body: NDArray[np.bool_], affine: NDArray[np.float64]) -> BodyOutline:
        """Measure a mask of the body ``(X, Y, Z)`` that lies in the world by ``affine``."""
        index = np.argwhere(body[::3, ::3, ::1]) * (3, 3, 1)
        world = index @ affine[:3, :3].T + affine[:3, 3]
        slabs = np.floor(world[:, 2] / _SLAB_MM).astype(int)
        heights, ellipses = [], []
        for slab in np.unique(slabs):
            low, high = np.percentile(world[slabs == slab, :2], [1, 99], axis=0)
            heights.append((slab + 0.5) * _SLAB_MM)
            ellipses.append([*((low + high) / 2), *np.maximum((high - low) / 2, 1.0)])
        return cls(np.array(heights), np.array(ellipses))

    def at(self, height: float) -> NDArray[np.float64]:
        """Return centre right, centre anterior, half-width and half-depth at a height in mm."""
        return np.array([np.interp(height, self.heights, column) for column in self.ellipses.T])

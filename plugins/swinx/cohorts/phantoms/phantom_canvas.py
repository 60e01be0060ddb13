"""Volume on which solids are painted, in the patient's coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swinx.cohorts.phantoms.solid_shapes import Solid

__all__ = ["Canvas"]

Block = tuple[slice, slice, slice]
_STRIDE = 4  # voxels between the points at which a block is searched


@dataclass
class Canvas:
    """Image, label and the anatomical position of every voxel.

    Args:
        points: Anatomical position ``(3, X, Y, Z)`` in mm, x to the patient's right, y to the front, z to the head.
        image: Intensities in HU ``(X, Y, Z)``, painted in place.
        label: FLARE class ids ``(X, Y, Z)``, painted in place.
        fixed: Voxels that :meth:`paint` leaves alone (bone, lung, outside of the body).
        margin_mm: How far a solid may reach beyond the search points that its box holds; a few voxels.
    """

    points: NDArray[np.float32]
    image: NDArray[np.float32]
    label: NDArray[np.uint8]
    fixed: NDArray[np.bool_]
    margin_mm: float

    def block(self, solid: Solid) -> Block | None:
        """Return slices of a block of voxels that holds ``solid``; None where it is out of view."""
        lower, upper = solid.bounds()
        sparse = self.points[:, ::_STRIDE, ::_STRIDE, ::_STRIDE]
        inside = np.ones(sparse.shape[1:], dtype=bool)
        for axis in range(3):
            inside &= sparse[axis] >= lower[axis] - self.margin_mm
            inside &= sparse[axis] <= upper[axis] + self.margin_mm
        if not inside.any():
            return None
        spans = []
        for axis in range(3):
            hits = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
            spans.append(slice(max(int(hits[0]) - 1, 0) * _STRIDE, (int(hits[-1]) + 1) * _STRIDE))
        return spans[0], spans[1], spans[2]

    def paint(
        self,
        solid: Solid,
        hounsfield: float | Callable[[NDArray[np.float32]], NDArray[np.float32]],
        label: int = 0,
        *,
        allowed: NDArray[np.bool_] | None = None,
        over_fixed: bool = False,
    ) -> None:
        """Paint a solid's inside.

        Args:
            solid: What to paint.
            hounsfield: Its intensity, or a function from the level ``(N,)`` of its voxels to theirs.
            label: Its class id; 0 for a structure that is not labelled.
            allowed: Voxels ``(X, Y, Z)`` that may be painted; all by default.
            over_fixed: Paint fixed voxels too.
        """
        block = self.block(solid)
        if block is None:
            return
        open_to_paint = np.ones(self.label[block].shape, dtype=bool) if over_fixed else ~self.fixed[block]
        if allowed is not None:
            open_to_paint &= allowed[block]
        level = solid.level(self.points[(slice(None), *block)][:, open_to_paint])
        inside = open_to_paint.copy()
        inside[open_to_paint] = level <= 1
        self.image[block][inside] = hounsfield(level[level <= 1]) if callable(hounsfield) else hounsfield
        self.label[block][inside] = label

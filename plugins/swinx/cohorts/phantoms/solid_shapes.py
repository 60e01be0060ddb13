"""Solid shapes given by a level function: ellipsoids and tubes along a curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation

__all__ = ["Ellipsoid", "Solid", "Tube"]

Vector = tuple[float, float, float]


class Solid(Protocol):
    """A solid: 0 at its core, 1 at its surface, more outside."""

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return lower and upper corner, each ``(3,)``, of a box that holds the solid."""

    def level(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the level ``(...)`` at ``points`` ``(3, ...)``: at most 1 inside."""


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid, turned about its centre.

    Args:
        centre: Centre, in the unit of the points (mm).
        radii: Half axes before the rotation, same unit; all positive.
        angles_deg: Rotation about the fixed x, y and z axis, in this order.

    Examples:
        >>> egg = Ellipsoid((0, 0, 0), (1, 1, 2))
        >>> egg.level(np.array([[0, 0], [0, 0], [2, 3]], dtype=np.float32)).tolist()
        [1.0, 1.5]
    """

    centre: Vector
    radii: Vector
    angles_deg: Vector = (0.0, 0.0, 0.0)

    def _rotation(self) -> NDArray[np.float64]:
        return np.asarray(Rotation.from_euler("xyz", self.angles_deg, degrees=True).as_matrix())

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return lower and upper corner, each ``(3,)``, of the tight axis-aligned box."""
        half = np.linalg.norm(self._rotation() * np.asarray(self.radii), axis=1)
        return np.asarray(self.centre) - half, np.asarray(self.centre) + half

    def level(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the distance from the centre in units of the surface's, ``(...)`` for ``points`` ``(3, ...)``."""
        to_unit = (self._rotation() / np.asarray(self.radii)).T.astype(np.float32)
        offset = points.reshape(3, -1) - np.asarray(self.centre, dtype=np.float32)[:, None]
        unit = to_unit @ offset
        return np.asarray(np.sqrt(np.einsum("in,in->n", unit, unit))).reshape(points.shape[1:])


@dataclass(frozen=True)
class Tube:
    """A tube of changing radius along a smooth curve, with round ends.

    Args:
        nodes: Points that the curve passes, at least two.
        radii: Radius at each node, all positive.
        pieces: Straight pieces between two nodes.

    Raises:
        ValueError: If there are fewer than two nodes, or nodes and radii differ in number.
    """

    nodes: Sequence[Vector]
    radii: Sequence[float]
    pieces: int = 3

    def __post_init__(self) -> None:
        """Check the number of nodes."""
        if len(self.nodes) < 2 or len(self.nodes) != len(self.radii):
            raise ValueError(f"a tube needs two nodes or more, each with a radius, not {len(self.nodes)} nodes "
                             f"and {len(self.radii)} radii")  # fmt: skip

    def _curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        knots = np.arange(len(self.nodes))
        at = np.linspace(0, knots[-1], knots[-1] * self.pieces + 1)
        table = np.column_stack([np.asarray(self.nodes, dtype=float), np.asarray(self.radii, dtype=float)])
        curve = np.asarray(PchipInterpolator(knots, table)(at))
        return curve[:, :3], curve[:, 3]

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return lower and upper corner, each ``(3,)``, of a box that holds the tube."""
        points, radii = self._curve()
        return (points - radii[:, None]).min(axis=0), (points + radii[:, None]).max(axis=0)

    def level(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the distance from the curve in units of its radius there, ``(...)`` for ``points`` ``(3, ...)``.

        Exact inside; outside it is over 1, and infinite far away, where no distance is computed.
        """
        curve, radii = (part.astype(np.float32) for part in self._curve())
        flat = points.reshape(3, -1)
        best = np.full(flat.shape[1], np.inf, dtype=np.float32)
        long_axis = int(np.argmax(np.ptp(curve, axis=0)))
        for start, end, r0, r1 in zip(curve[:-1], curve[1:], radii[:-1], radii[1:], strict=True):
            reach = abs(end[long_axis] - start[long_axis]) / 2 + max(r0, r1)
            near = np.flatnonzero(np.abs(flat[long_axis] - (start[long_axis] + end[long_axis]) / 2) <= reach)
            axis = end - start
            offset = flat[:, near] - start[:, None]
            along = np.clip((axis @ offset) / max(float(axis @ axis), 1e-6), 0, 1)
            offset -= axis[:, None] * along
            distance = np.sqrt(np.einsum("in,in->n", offset, offset))
            best[near] = np.minimum(best[near], distance / (r0 + along * (r1 - r0)))
        return best.reshape(points.shape[1:])

"""Fingerprint of a collection: the numbers that a plan is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["PERCENTILES", "Fingerprint", "Triple", "by", "in_mib"]

Triple = tuple[float, float, float]

PERCENTILES = (0.5, 5.0, 50.0, 95.0, 99.5)
"""Percentiles of the intensities inside the classes that a fingerprint has."""


@dataclass(frozen=True)
class Fingerprint:
    """Facts that a plan depends on: a collection of labelled scans, and a machine. Axes are right, anterior, superior.

    Attributes:
        labelled: Usable cases with labels, those of a section ``validation`` among them.
        unlabelled: Cases of the section ``unlabeled``.
        patients: Patients of the labelled cases.
        num_classes: Classes of the label set, background included.
        spacings_mm: Voxel size of each labelled case whose header was read, in mm.
        shapes: Voxels of the same cases.
        bodies_mm: Size of the body of each case that was sampled, in mm.
        percentiles: Of the intensities inside the classes of the sampled cases, see :data:`PERCENTILES`; rising.
        extents_mm: Class name to the median length, in mm, of the shortest side of its bounding box.
        looks_like_hu: Most sampled scans have plausible HU.
        memory_mb: Memory of the machine in MiB.
        cores: Processors of the machine.
        gpu_gb: Memory of the GPU in GiB; None to train without one.
        left_out: Cases that could not be used, each with its reason.
    """

    labelled: int
    unlabelled: int
    patients: int
    num_classes: int
    spacings_mm: tuple[Triple, ...]
    shapes: tuple[tuple[int, int, int], ...]
    bodies_mm: tuple[Triple, ...]
    percentiles: tuple[float, float, float, float, float]
    extents_mm: Mapping[str, float]
    looks_like_hu: bool
    memory_mb: int
    cores: int
    gpu_gb: float | None = None
    left_out: tuple[str, ...] = ()

    @cached_property
    def spacing_mm(self) -> Triple:
        """Median voxel size along each axis."""
        return _medians(self.spacings_mm)

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Median number of voxels along each axis."""
        x, y, z = _medians(self.shapes)
        return round(x), round(y), round(z)

    @cached_property
    def body_mm(self) -> Triple:
        """Median size of the body along each axis."""
        return _medians(self.bodies_mm)

    @cached_property
    def smallest_class(self) -> tuple[str, float] | None:
        """Name and extent in mm of the smallest class; None if no label was found."""
        found = sorted(self.extents_mm.items(), key=lambda item: (item[1], item[0]))
        return found[0] if found else None

    def facts(self) -> dict[str, str]:
        """Return the numbers that decide, in words, by what they are of."""
        low, *_, high = self.percentiles
        smallest = self.smallest_class
        return {
            "cases": f"{self.labelled} labelled of {self.patients} patients, {self.unlabelled} unlabelled",
            "classes": f"{self.num_classes} with background",
            "median spacing": f"{by(self.spacing_mm)} mm",
            "median scan": f"{by(self.shape)} voxels",
            "median body": f"{by(self.body_mm, 0)} mm",
            "values in classes": f"{low:g} to {high:g} (0.5 and 99.5 %), {'HU' if self.looks_like_hu else 'not HU'}",
            "smallest class": f"{smallest[0]}, {smallest[1]:.0f} mm" if smallest else "none found",
            "machine": f"{in_mib(self.memory_mb)} of memory, {self.cores} cores, "
            + (f"GPU of {self.gpu_gb:g} GiB" if self.gpu_gb else "no GPU"),
            "left out": f"{len(self.left_out)} cases",
        }

    def as_json(self) -> dict[str, Any]:
        """Return plain data, with lists for tuples."""
        return {name: _listed(value) for name, value in asdict(self).items()}


def by(numbers: tuple[float, ...], digits: int = 2) -> str:
    """Return numbers as a person writes sizes.

    Examples:
        >>> by((0.703125, 0.703125, 2.5))
        '0.7 x 0.7 x 2.5'
    """
    return " x ".join(f"{round(number, digits):g}" for number in numbers)


def in_mib(memory_mb: float) -> str:
    """Return a size in MiB with its unit.

    Examples:
        >>> in_mib(24105.2)
        '24,105 MiB'
    """
    return f"{memory_mb:,.0f} MiB"


def _medians(triples: tuple[Triple, ...]) -> Triple:
    x, y, z = np.median(np.asarray(triples, dtype=np.float64), axis=0).tolist()
    return x, y, z


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, tuple) else value

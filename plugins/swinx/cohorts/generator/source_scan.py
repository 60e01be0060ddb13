"""Scan with its structures, kept in memory as the source of generated patches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans
from torch import Tensor

from swinx.cohorts.deformed_sampling import blur_for_spacing
from swinx.cohorts.generator.body_outline import BodyOutline, body_mask
from swinx.data import read_volume
from swinx.errors import CaseError
from swinx.geometry import compare_grids, voxel_sizes_mm

__all__ = ["AIR_HU", "FIRST_TISSUE", "TISSUES", "SourceScan"]

AIR_HU = -1024.0
"""Intensity outside the patient and outside the scan."""

FIRST_TISSUE = 201
"""Number of the darkest cluster of unlabelled tissue; the others follow by rising HU."""

TISSUES = 5
"""Number of clusters of unlabelled tissue."""

_CENTRES = 3000
_SPACING_MM = 2.0


@dataclass(frozen=True)
class SourceScan:
    """A CT whose every body voxel belongs to a structure.

    Structures have the numbers of TotalSegmentator 2; what it leaves unlabelled inside the body is sorted by k-means
    of the intensity into :data:`TISSUES` clusters from :data:`FIRST_TISSUE` on. Air and table around the body are 0.

    Attributes:
        name: For messages and records.
        image: HU above air ``(X, Y, Z)``, float32, 0 outside the body.
        structures: Numbers of structures on the same grid, uint8.
        affine: Voxel index to RAS+ world, ``(4, 4)``, mm.
        hounsfield: Median of every structure in HU ``(256,)``; 0 where there is none.
        centres: World positions ``(N, 3)`` of some voxels of each structure, for centres of patches.
        outline: Centre and half-widths of the body by height.
        annotated: Names of the structures that are completely annotated; None for all that exist.
        share: How often it is drawn, beside the shares of the others.
    """

    name: str
    image: Tensor
    structures: Tensor
    affine: NDArray[np.float64]
    hounsfield: Tensor
    centres: Mapping[int, NDArray[np.float64]]
    outline: BodyOutline
    annotated: tuple[str, ...] | None = None
    share: float = 1.0

    @classmethod
    def load(cls, image_path: Path, mask_path: Path, name: str, annotated: tuple[str, ...] | None = None) -> SourceScan:
        """Read a CT in HU and its mask of TotalSegmentator numbers.

        Raises:
            CaseError: If a file cannot be read, or the two differ in grid.
        """
        image, mask = read_volume(image_path), read_volume(mask_path)
        faults, _ = compare_grids(image.affine, image.array.shape, mask.affine, mask.array.shape)
        if faults:
            raise CaseError(mask_path, "; ".join(faults))
        return cls.from_arrays(image.array, mask.array, image.affine, name, annotated)

    @classmethod
    def from_arrays(
        cls,
        image: NDArray[np.generic],
        structures: NDArray[np.generic],
        affine: NDArray[np.float64],
        name: str,
        annotated: tuple[str, ...] | None = None,
        share: float = 1.0,
    ) -> SourceScan:
        """Return the source of an image in HU and its structures, both ``(X, Y, Z)``, in any orientation.

        Raises:
            CaseError: If there is no body in the image.
        """
        hounsfield = image.astype(np.float32).clip(AIR_HU, None)
        spacing = voxel_sizes_mm(affine)
        body = body_mask(hounsfield, spacing)
        if not body.any():
            raise CaseError(name, "there is no body in it: no voxel is above -250 HU")
        body |= structures.astype(np.uint8) > 0
        box = _bounds(body)
        affine = affine.copy()
        affine[:3, 3] += affine[:3, :3] @ [each.start for each in box]
        body, hounsfield, given = body[box], hounsfield[box], structures[box].astype(np.uint8)
        complete = _with_tissues(hounsfield, given, body)
        hounsfield = np.where(body, hounsfield, AIR_HU).astype(np.float32)
        medians, centres = _by_structure(hounsfield, complete, affine)
        blurred = blur_for_spacing(hounsfield, spacing.tolist(), [_SPACING_MM] * 3)
        return cls(
            name=name,
            image=torch.from_numpy(np.ascontiguousarray(blurred - AIR_HU)),
            structures=torch.from_numpy(np.ascontiguousarray(complete)),
            affine=affine,
            hounsfield=torch.from_numpy(medians),
            centres=centres,
            outline=BodyOutline.of(body, affine),
            annotated=annotated,
            share=share,
        )

    def to(self, device: torch.device | str) -> SourceScan:
        """Return the source with its volumes on a device."""
        moved = {key: getattr(self, key).to(device) for key in ("image", "structures", "hounsfield")}
        return SourceScan(**{**self.__dict__, **moved})


def _bounds(body: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    sides = [np.flatnonzero(body.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    x, y, z = (slice(int(side[0]), int(side[-1]) + 1) for side in sides)
    return x, y, z


def _with_tissues(
    hounsfield: NDArray[np.float32], structures: NDArray[np.uint8], body: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return the structures with clusters of intensity where the body has no label."""
    open_voxels = body & (structures == 0)
    values = hounsfield[open_voxels]
    out = np.where(body, structures, 0).astype(np.uint8)
    if values.size:
        sample = values[:: max(1, values.size // 20000)].astype(np.float64).clip(-1000, 600)
        means = np.sort(kmeans(sample, np.array([-800.0, -110.0, -20.0, 50.0, 250.0]))[0])
        bins = (means[1:] + means[:-1]) / 2
        out[open_voxels] = FIRST_TISSUE + np.digitize(values, bins).astype(np.uint8)
    return out


def _by_structure(
    hounsfield: NDArray[np.float32], structures: NDArray[np.uint8], affine: NDArray[np.float64]
) -> tuple[NDArray[np.float32], dict[int, NDArray[np.float64]]]:
    """Return the median of every structure in HU and some of its voxels in the world."""
    flat = structures.ravel()
    labelled = np.flatnonzero(flat)
    order = labelled[np.argsort(flat[labelled], kind="stable")]
    numbers, starts = np.unique(flat[order], return_index=True)
    medians, centres = np.zeros(256, dtype=np.float32), {}
    rng = np.random.default_rng(0)
    for number, members in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
        chosen = members if members.size <= _CENTRES else rng.choice(members, _CENTRES, replace=False)
        medians[number] = np.median(hounsfield.ravel()[chosen])
        index = np.stack(np.unravel_index(chosen, structures.shape), axis=1)
        centres[number] = index @ affine[:3, :3].T + affine[:3, 3]
    return medians, centres

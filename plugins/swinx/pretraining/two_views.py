"""Transform that crops two random views of one scan."""

from __future__ import annotations

import logging
import math
import zlib
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Randomizable, SpatialCrop, SpatialPad
from monai.utils import ensure_tuple
from numpy.typing import NDArray

from swinx.preprocessing import as_volume, file_of

__all__ = ["RandTwoViewsd", "draw_view_starts"]

_logger = logging.getLogger(__name__)

_NAME_SLOTS = 2**20


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


class RandTwoViewsd(Randomizable, MapTransform):
    """Crop of two views from one random region of a scan.

    The views are drawn independently of each other and may overlap. The item keeps all its entries, and its image
    is unchanged; the views own their memory, so a data set need not copy its cache. Along an axis on which the scan is
    smaller than a view, the view is padded with air, equally on both sides.

    A pair with a view of too little tissue is drawn again. After ``max_draws``, the pair whose emptier view has most
    tissue is taken. This and padding are logged, once for each file, also if every epoch starts new worker
    processes.

    Args:
        keys: The one image, ``MetaTensor`` ``(1, X, Y, Z)`` with values in [0, 1], 0 for air.
        region_size: Sides in voxels of the region that holds both views; clipped to the scan.
        roi_size: Sides in voxels of a view, no larger than ``region_size``.
        min_tissue: Least share of voxels above 0 in a view, in [0, 1).
        max_draws: Largest number of draws.

    Raises:
        ValueError: If a setting is out of range.

    Reference:
        SMIT, https://arxiv.org/abs/2205.10342, section 3: views of 96^3 voxels out of 128^3.
    """

    def __init__(
        self,
        keys: KeysCollection = "image",
        region_size: Sequence[int] = (128, 128, 128),
        roi_size: Sequence[int] = (96, 96, 96),
        min_tissue: float = 0.05,
        max_draws: int = 10,
    ) -> None:
        super().__init__(keys)
        self.region_size = _sides("region_size", region_size)
        self.roi_size = _sides("roi_size", roi_size)
        if any(region < view for region, view in zip(self.region_size, self.roi_size, strict=True)):
            raise ValueError(f"two views of roi_size {self.roi_size} do not fit into region_size {self.region_size}")
        if len(self.keys) != 1:
            raise ValueError(f"two views are cropped from one image, not from {self.keys}")
        if not 0 <= min_tissue < 1:
            raise ValueError(f"min_tissue must be a share in [0, 1), not {min_tissue}")
        if max_draws < 1:
            raise ValueError(f"max_draws must be 1 or more, not {max_draws}")
        self.min_tissue = min_tissue
        self.max_draws = max_draws
        self._boxes: list[tuple[slice, ...]] = []
        self._least_tissue = 0.0
        self._warned = _Once()

    def randomize(self, data: torch.Tensor) -> None:
        """Draw the boxes of both views in ``data``, ``(1, X, Y, Z)``, until either holds tissue or draws run out."""
        best = (-1.0, -1.0)
        for _ in range(self.max_draws):
            starts = draw_view_starts(data.shape[1:], self.region_size, self.roi_size, self.R)
            boxes = [self._box(start) for start in starts.tolist()]
            emptier, fuller = sorted(self._tissue(data[0][box]) for box in boxes)
            if (emptier, fuller) > best:
                best, self._boxes = (emptier, fuller), boxes
            if emptier >= self.min_tissue:
                break
        self._least_tissue = best[0]

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with ``view_1`` and ``view_2``, ``(1, *roi_size)``, with their own affines.

        Raises:
            CaseError: If the image is not a single-channel 3D volume.
        """
        out = dict(data)
        image = as_volume(out[self.keys[0]])
        self.randomize(image.as_tensor())
        self._report(image)
        for key, box in zip(("view_1", "view_2"), self._boxes, strict=True):
            view = SpatialPad(self.roi_size)(SpatialCrop(roi_slices=box)(image))
            out[key] = view.clone(memory_format=torch.contiguous_format)
        return out

    def _box(self, start: Sequence[int]) -> tuple[slice, ...]:
        return tuple(slice(first, first + side) for first, side in zip(start, self.roi_size, strict=True))

    def _tissue(self, voxels: torch.Tensor) -> float:
        return int((voxels > 0).sum()) / math.prod(self.roi_size)

    def _report(self, image: MetaTensor) -> None:
        shape, name = tuple(image.shape[1:]), file_of(image)
        short = any(side < view for side, view in zip(shape, self.roi_size, strict=True))
        if short and self._warned.first_time(f"{name}: padded"):
            _logger.warning(
                "%s: a scan of %s voxels is smaller than a view of roi_size %s; its views are padded with air",
                name,
                shape,
                self.roi_size,
            )
        if self._least_tissue < self.min_tissue and self._warned.first_time(f"{name}: air"):
            _logger.warning(
                "%s: no two views with %g %% tissue in %d draws; the best has %.1f %% above the lower end of the "
                "window; if that is common, look at the scan, or at window_hu and body_crop",
                name,
                100 * self.min_tissue,
                self.max_draws,
                100 * self._least_tissue,
            )


class _Once:
    """Set of names in memory that the worker processes of a data loader share.

    Two names whose checksums share one of the 2^20 slots count as one, which costs a line of the log.
    """

    def __init__(self) -> None:
        self._known = torch.zeros(_NAME_SLOTS, dtype=torch.bool)
        self._known.share_memory_()  # type: ignore[no-untyped-call] # torch has not typed it

    def first_time(self, name: str) -> bool:
        """Add ``name``, and return True if it was new."""
        slot = zlib.crc32(name.encode(errors="replace")) % _NAME_SLOTS
        known = bool(self._known[slot])
        self._known[slot] = True
        return not known


def _sides(name: str, size: object) -> tuple[int, ...]:
    sides = ensure_tuple(size)
    if len(sides) != 3 or not all(isinstance(side, int | np.integer) and side > 0 for side in sides):
        raise ValueError(f"{name} must be three positive whole numbers of voxels, not {size}")
    return tuple(int(side) for side in sides)

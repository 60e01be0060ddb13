"""Tiling of a volume by overlapping windows, of each of which a part is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from monai.data.utils import dense_patch_slices
from torch import Tensor

from swinx.inference.backends.window_part import WindowPart, window_part
from swinx.inference.windows.window_settings import WindowSettings

__all__ = ["Window", "interval_of", "place_window", "tile"]


_AIR = 0.0
"""Value of air in a preprocessed image, at the lower end of the HU window."""


def interval_of(roi: int, size: int, overlap: float) -> int:
    """Return the distance between windows of ``roi`` voxels along an axis of ``size``, as MONAI's sliding window."""
    return roi if roi == size else max(int(roi * (1 - overlap)), 1)


class Window(NamedTuple):
    """One window of a tiling.

    Attributes:
        extent: Its place in the volume.
        part: The part of it that is used.
        place: The place of that part in the volume.
    """

    extent: tuple[slice, ...]
    part: WindowPart
    place: tuple[slice, ...]

    @property
    def kind(self) -> tuple[tuple[int, int], ...]:
        """Key that is the same for windows that may go through the network together."""
        return tuple((inside.start, inside.stop) for inside in self.part.inside)


def tile(image: Tensor, settings: WindowSettings) -> list[Window]:
    """Cut a volume into the windows of MONAI's ``sliding_window_inference``.

    Args:
        image: ``(B, C, X, Y, Z)``, at least as large as a window.
        settings: Size, overlap and margin of the windows, and whether windows of air are left out.

    Returns:
        The windows, in rows along the shortest side and planes across the longest: so fewest planes are open at once.
    """
    roi, size = settings.roi_size, tuple(image.shape[2:])
    interval = tuple(interval_of(side, length, settings.overlap) for side, length in zip(roi, size, strict=True))
    windows = []
    for extent in dense_patch_slices(size, roi, interval):
        window = place_window(extent, size, roi, settings.margin)
        x, y, z = window.place
        if not settings.skip_air or bool((image[:, :, x, y, z] > _AIR).any()):
            windows.append(window)
    axes = sorted(range(3), key=lambda axis: -size[axis])
    return sorted(windows, key=lambda window: [window.extent[axis].start for axis in axes])


def place_window(extent: tuple[slice, ...], size: Sequence[int], roi: Sequence[int], margin: float) -> Window:
    """Return a window of a volume of ``size``, without its margins."""
    part = window_part(extent, size, roi, margin)
    place = tuple(
        slice(axis.start + inside.start, axis.start + inside.stop)
        for axis, inside in zip(extent, part.inside, strict=True)
    )
    return Window(extent, part, place)

"""Which windows a volume is cut into, and what is used of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from monai.data.utils import dense_patch_slices
from torch import Tensor

from swinx.inference.windows.window_parts import WindowPart, interval_of, window_part

__all__ = ["Window", "lay_windows", "place_window"]


class Window(NamedTuple):
    """A window.

    Attributes:
        extent: Where it lies in the volume.
        part: What is used of it.
        place: Where that lies in the volume.
    """

    extent: tuple[slice, ...]
    part: WindowPart
    place: tuple[slice, ...]

    @property
    def kind(self) -> tuple[tuple[int, int], ...]:
        """What windows that go through the network together have in common."""
        return tuple((inside.start, inside.stop) for inside in self.part.inside)


def lay_windows(
    image: Tensor, roi: Sequence[int], overlap: float, margin: float, empty_below: float | None
) -> list[Window]:
    """Cut a volume into the windows of MONAI's ``sliding_window_inference``.

    Args:
        image: ``(B, C, X, Y, Z)``, at least as large as a window.
        roi: Sides of the windows.
        overlap: Fraction of a window shared with its neighbour.
        margin: Fraction of a window at each end that is not used, but at the borders of the volume.
        empty_below: Leave out windows in which all that is used is at or below this value.

    Returns:
        The windows, in rows along the shortest side and planes across the longest: so fewest are begun at once.
    """
    size = tuple(image.shape[2:])
    interval = tuple(interval_of(side, length, overlap) for side, length in zip(roi, size, strict=True))
    windows = []
    for extent in dense_patch_slices(size, roi, interval):
        window = place_window(extent, size, roi, margin)
        x, y, z = window.place
        if empty_below is None or bool((image[:, :, x, y, z] > empty_below).any()):
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

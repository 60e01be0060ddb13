"""Accumulation of logits in the planes where later windows still overlap; labels on the grid of the scan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swinx.geometry import axis_map, labels_between
from swinx.inference.backends.output_layer import OutputLayer, class_probabilities

__all__ = [
    "CHUNK_BYTES",
    "LabelGrid",
    "SlabLogits",
    "grid_of_image",
    "grid_of_scan",
    "longest_axis",
    "most_slab_voxels",
    "reach_of",
]

CHUNK_BYTES = 2**25
"""Size of the probabilities that are interpolated at a time, unless one plane is larger."""

Place = Sequence[slice]


class LabelGrid(NamedTuple):
    """The grid on which labels are returned, seen from the volume that is segmented.

    Attributes:
        shape: Shape of the labels.
        order: For each axis of the volume, the axis of the labels that is parallel to it.
        positions: Along each axis of the volume, the positions of the labels, in voxels of the volume.
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]
    positions: tuple[NDArray[np.float64], ...]


def grid_of_image(shape: Sequence[int]) -> LabelGrid:
    """Return the grid of the volume itself."""
    return LabelGrid(tuple(shape), (0, 1, 2), tuple(np.arange(side, dtype=np.float64) for side in shape))


def grid_of_scan(meta: Mapping[str, Any]) -> LabelGrid:
    """Return the grid of the scan, by the metadata that :class:`swinx.preprocessing.CTPreprocessingd` leaves.

    Args:
        meta: Metadata of a batch of one image, with ``affine``, ``original_affine`` and ``spatial_shape``.

    Raises:
        ValueError: If one of these is missing, or there is more than one image.
    """
    try:
        affine, original = (np.asarray(meta[key], dtype=np.float64) for key in ("affine", "original_affine"))
        shape = tuple(int(side) for side in np.asarray(meta["spatial_shape"]).ravel())
    except KeyError as error:
        raise ValueError(
            f"the metadata of the image lack {error}, which CTPreprocessingd leaves: the grid of the scan is unknown"
        ) from error
    if affine.size != 16 or original.size != 16 or len(shape) != 3:
        raise ValueError("labels on the grid of the scan are made for batches of one image")
    lines = axis_map(affine.reshape(4, 4), original.reshape(4, 4))
    order = tuple(int(axis) for axis in np.argsort(lines.source_axis))
    return LabelGrid(shape, order, tuple(lines.positions(axis, shape[axis]) for axis in order))


def reach_of(grid: LabelGrid, inner: Place) -> tuple[list[slice], list[NDArray[np.float64]]]:
    """Return, along each axis of the volume, the labels that it reaches, and their positions in it.

    Args:
        grid: Grid of the labels.
        inner: Place of the image in the padded volume.
    """
    lengths = [axis.stop - axis.start for axis in inner]
    # As with zeros beyond the border: half a voxel out, all classes are half as probable, and none a whole one out.
    near = [np.flatnonzero((p > -1) & (p < n)) for p, n in zip(grid.positions, lengths, strict=True)]
    clipped = (np.clip(p[i], 0, n - 1) for p, i, n in zip(grid.positions, near, lengths, strict=True))
    slices = [slice(int(i[0]), int(i[-1]) + 1) if i.size else slice(0, 0) for i in near]
    return slices, [p + axis.start for p, axis in zip(clipped, inner, strict=True)]


def most_slab_voxels(places: Sequence[Place], size: Sequence[int]) -> int:
    """Return the voxels of the planes that :class:`SlabLogits` holds at once, of a volume of ``size``."""
    axis = longest_axis(size)
    planes = max((place[axis].stop - place[axis].start for place in places), default=0) + 1
    return int(planes * np.prod(size, dtype=np.int64) // size[axis])


class SlabLogits:
    """Blended logits of windows, of which planes become labels as soon as no later window overlaps them.

    Complete logits become probabilities, these are interpolated linearly to the voxels of the scan, and the largest
    makes the label: what MONAI's ``Invertd`` and ``AsDiscrete`` do for the whole volume at once. Planes go across the
    longest side, along which windows have to come in rising order.

    Args:
        labels: Is filled, uint8, ``(1, *grid.shape)``; what the volume does not reach stays as it is.
        grid: Positions of the voxels of ``labels``.
        size: Size of the volume, with padding.
        inner: Place of the image in it.
        places: All places where logits of windows may be added.
        dtype: Type of the logits that are held.
        output_layer: Layer that makes logits of features, if windows give features.
        keep: Keep the probabilities of all classes, in :attr:`kept`.

    Attributes:
        kept: Probabilities in 255ths, uint8, ``(classes, *grid.shape)``, in the memory of the host; where no
            window reaches, the first class is certain. None unless they are to be kept.
    """

    def __init__(
        self,
        labels: Tensor,
        grid: LabelGrid,
        size: Sequence[int],
        inner: Place,
        places: Iterable[Place],
        dtype: torch.dtype = torch.float32,
        output_layer: OutputLayer | None = None,
        keep: bool = False,
    ) -> None:
        self.axis = longest_axis(size)
        self.view = labels[0].permute(grid.order)
        self.inner = tuple(inner)
        self.dtype = dtype
        self.output_layer = output_layer
        self.size = tuple(size)
        self.grid = grid
        self.keep = keep
        self.kept: Tensor | None = None
        self.planes = max((place[self.axis].stop - place[self.axis].start for place in places), default=0) + 1
        self.sums: Tensor | None = None
        """Sums of logits, or of features, and last of the weights, in planes from ``first`` on."""
        self.first = 0
        self.near, self.positions = reach_of(grid, self.inner)
        self.waiting = np.argsort(self.positions[self.axis], kind="stable")

    def add(self, place: Place, logits: Tensor, weights: Tensor) -> None:
        """Add logits, or features, ``(C, x, y, z)``, times weights above 0, ``(x, y, z)``, at the place of a window."""
        if self.sums is None:
            sides = [self.planes if axis == self.axis else side for axis, side in enumerate(self.size)]
            self.sums = logits.new_zeros((len(logits) + 1, *sides), dtype=self.dtype)
        self._finish_before(place[self.axis].start)
        along = place[self.axis]
        x, y, z = (slice(s.start - self.first, s.stop - self.first) if s is along else s for s in place)
        weight = weights.to(self.dtype)
        self.sums[:-1, x, y, z].addcmul_(logits.to(self.dtype), weight)
        self.sums[-1, x, y, z] += weight

    def close(self) -> None:
        """Label the planes that are still held."""
        if self.sums is not None:
            self._finish_before(self.size[self.axis])
            self._label_up_to(self.size[self.axis] - 1)
        if self.kept is not None:
            self.kept[0].masked_fill_(self.kept.amax(dim=0) == 0, 255)

    def _finish_before(self, end: int) -> None:
        """Label the scan between all planes before ``end``, and drop these planes but for the last."""
        while end > self.first + 1:
            stop = min(end, self.first + self.planes)  # planes without any window come on top of those held
            self._label_up_to(stop - 1)
            self._drop_before(stop - 1)

    def _probabilities(self, low: int, high: int) -> Iterator[Tensor]:
        """Yield class probabilities of planes, some classes at a time; zeros where there is no window."""
        assert self.sums is not None
        held = self.sums.narrow(1 + self.axis, low - self.first, high - low + 1)
        weight = held[-1:].float()
        means = held[:-1] / weight.clamp_min(torch.finfo(torch.float32).tiny)
        for probabilities in class_probabilities(means, self.output_layer):
            yield probabilities.mul_(weight > 0)

    def _label_up_to(self, plane: int) -> None:
        assert self.sums is not None
        along = self.positions[self.axis]
        count = int(np.searchsorted(along[self.waiting], plane, side="right"))
        todo, self.waiting = self.waiting[:count], self.waiting[count:]
        widest = [max(len(p), n) for p, n in zip(self.positions, self.sums.shape[1:], strict=True)]
        widest[self.axis] = 1
        step = max(CHUNK_BYTES // (4 * len(self.sums) * int(np.prod(widest))), 1)
        for begin in range(0, count, step):
            chosen = todo[begin : begin + step]
            low, high = int(np.floor(along[chosen[0]])), int(np.ceil(along[chosen[-1]]))
            part = self._probabilities(low, high)
            positions = [along[chosen] - low if a == self.axis else p for a, p in enumerate(self.positions)]
            where: list[Any] = list(self.near)
            where[self.axis] = torch.as_tensor(chosen + self.near[self.axis].start, device=self.view.device)
            keep = partial(self._keep, where) if self.keep else None
            self.view[tuple(where)] = labels_between(part, positions, keep).to(self.view.dtype)

    def _keep(self, where: Sequence[Any], first: int, probabilities: Tensor) -> None:
        """Keep probabilities of some classes, from ``first`` on, for a part of the grid."""
        if self.kept is None:
            assert self.sums is not None
            classes = len(self.sums) - 1 if self.output_layer is None else len(self.output_layer.bias)
            self.kept = torch.zeros((classes, *self.grid.shape), dtype=torch.uint8)
        view = self.kept.permute(0, *(1 + axis for axis in self.grid.order))
        place = [index.cpu() if isinstance(index, Tensor) else index for index in where]
        found = (probabilities * 255).round().to(torch.uint8).cpu()
        view[(slice(first, first + len(found)), *place)] = found

    def _drop_before(self, plane: int) -> None:
        assert self.sums is not None
        gone = plane - self.first
        kept = self.planes - gone
        for channel in self.sums:  # one at a time, since each is copied
            channel.narrow(self.axis, 0, kept).copy_(channel.narrow(self.axis, gone, kept).clone())
            channel.narrow(self.axis, kept, gone).zero_()
        self.first = plane


def longest_axis(size: Sequence[int]) -> int:
    """Return the axis that the planes are perpendicular to."""
    return max(range(3), key=lambda axis: size[axis])

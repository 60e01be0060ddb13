"""Class scores of those voxels, and of no others, that windows to come will add to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from swinx.inference.backends.output_layer import Readout, best_classes
from swinx.inference.windows.score_boxes import Box, BoxGrid

__all__ = ["OpenScores"]

Place = Sequence[slice]


class OpenScores:
    """Blend the scores of windows, box by box, and label each box when its last window has come.

    What lies in one window alone is labelled at once, and its scores are never kept.

    Args:
        labels: Is filled, uint8, ``(1, X, Y, Z)``; what no window adds to stays as it is.
        places: Where the scores of each window will be added.
        or_places: Where they may be added instead, see :meth:`move`.
        dtype: Of the scores that are held.
        inner: Where the labels lie in the volume of the windows, if that was padded.
        readout: What makes scores, if windows have features.
    """

    def __init__(
        self,
        labels: Tensor,
        places: Sequence[Place],
        or_places: Iterable[Place] = (),
        dtype: torch.dtype = torch.float32,
        inner: Place | None = None,
        readout: Readout | None = None,
    ) -> None:
        self.labels = labels
        self.dtype = dtype
        self.readout = readout
        self.inner = tuple(inner or (slice(0, side) for side in labels.shape[1:]))
        self.grid = BoxGrid([*places, *or_places])
        self.to_come = self.grid.count(places)
        self.held: dict[Box, Tensor] = {}
        """Weighted sums; of features, their weights come last."""

    def add(self, place: Place, score: Tensor, weights: Tensor) -> None:
        """Add scores, or features, ``(C, x, y, z)``, times weights above 0, ``(x, y, z)``, at a place of a window."""
        for box in self.grid.boxes(place):
            extent = self.grid.extent(box)
            local = tuple(
                slice(side.start - axis.start, side.stop - axis.start) for side, axis in zip(extent, place, strict=True)
            )
            found = score[(slice(None), *local)]
            self.to_come[box] -= 1
            sums = self.held.get(box)
            if sums is None and not self.to_come[box]:
                self._label(box, found, None)
                continue
            weight = weights[local].to(self.dtype)
            if sums is None:
                channels = len(found) + (self.readout is not None)
                sums = self.held[box] = found.new_zeros((channels, *weight.shape), dtype=self.dtype)
            sums[: len(found)].addcmul_(found.to(self.dtype), weight)
            if self.readout is not None:
                sums[-1] += weight
            self._finish(box)

    def move(self, places: Sequence[Place]) -> None:
        """Let the windows that are left add elsewhere: at these places, which were named as possible ones."""
        self.to_come = self.grid.count(places)
        for box in list(self.held):
            self._finish(box)

    def close(self) -> None:
        """Do nothing: all is labelled with its last window."""

    def _finish(self, box: Box) -> None:
        if not self.to_come[box]:
            sums = self.held.pop(box)
            self._label(box, *((sums, None) if self.readout is None else (sums[:-1], sums[-1])))

    def _label(self, box: Box, sums: Tensor, weights: Tensor | None) -> None:
        extent = self.grid.extent(box)
        shared = [
            slice(max(axis.start, inner.start), max(min(axis.stop, inner.stop), inner.start))
            for axis, inner in zip(extent, self.inner, strict=True)
        ]
        x, y, z = (slice(s.start - e.start, s.stop - e.start) for s, e in zip(shared, extent, strict=True))
        i, j, k = (slice(s.start - n.start, s.stop - n.start) for s, n in zip(shared, self.inner, strict=True))
        found = best_classes(sums[:, x, y, z], None if weights is None else weights[x, y, z], self.readout)
        self.labels[0, i, j, k] = found.to(self.labels.dtype)

"""Class scores of the slices that windows may still add to."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["ScoreSlab"]


class ScoreSlab:
    """Weighted scores, as thick as what is used of a window, that move along an axis and leave labels behind.

    Args:
        labels: Is filled, uint8, ``(1, X, Y, Z)``; what no window adds to stays as it is.
        along: The axis of the movement, 0 to 2.
        thickness: Slices of the slab.
        dtype: Of the scores that are held.
    """

    def __init__(self, labels: Tensor, along: int, thickness: int, dtype: torch.dtype = torch.float32) -> None:
        self.labels = labels
        self.along = along
        self.thickness = thickness
        self.dtype = dtype
        self.start = 0
        self.scores: Tensor | None = None

    def add(self, place: Sequence[slice], score: Tensor, weights: Tensor) -> None:
        """Add weighted scores ``(classes, x, y, z)`` at a place in the volume that lies within the slab."""
        if self.scores is None:
            shape = list(self.labels.shape[1:])
            shape[self.along] = self.thickness
            self.scores = torch.zeros((score.shape[0], *shape), dtype=self.dtype, device=score.device)
        local = list(place)
        local[self.along] = slice(place[self.along].start - self.start, place[self.along].stop - self.start)
        self.scores[(slice(None), *local)].addcmul_(score.to(self.dtype), weights.to(self.dtype))

    def advance(self, start: int) -> None:
        """Turn the slices before ``start`` into labels and forget their scores."""
        step = start - self.start
        if step == 0 or self.scores is None:
            self.start = start
            return
        axis = self.along + 1
        done = self.scores.narrow(axis, 0, min(step, self.thickness)).argmax(dim=0)
        self.labels[0].narrow(self.along, self.start, done.shape[self.along]).copy_(done)
        kept = self.thickness - step
        if kept > 0:
            # Slice by slice: source and target overlap in memory.
            for index in range(kept):
                self.scores.select(axis, index).copy_(self.scores.select(axis, index + step))
            self.scores.narrow(axis, kept, step).zero_()
        else:
            self.scores.zero_()
        self.start = start

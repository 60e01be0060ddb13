"""What it takes to interpolate class probabilities to the voxels of a scan, before it is done."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from swinx.geometry import labels_between
from swinx.inference.windows.slab_scores import CHUNK_BYTES, ScanGrid, longest_axis, reach_of

__all__ = ["RestoringCost"]


class RestoringCost:
    """Time and memory of what :class:`swinx.inference.windows.slab_scores.SlabScores` does when scores are complete.

    Args:
        grid: Where the voxels of the scan lie.
        size: Of the volume, padding included.
        inner: Where the image lies in it.
        device: Where the scores are.
    """

    def __init__(
        self, grid: ScanGrid, size: Sequence[int], inner: Sequence[slice], device: torch.device | str = "cpu"
    ) -> None:
        self.size = tuple(size)
        self.device = torch.device(device)
        self.axis = longest_axis(size)
        _, self.positions = reach_of(grid, inner)

    def seconds(self, classes: int, channels: int) -> float:
        """Measure the labels of one plane of the scan, and return how long those of all planes take.

        Args:
            classes: How many there are.
            channels: So many at most come at a time.
        """
        at_a_time = min(classes, channels)
        sides = [2 if axis == self.axis else side for axis, side in enumerate(self.size)]
        between = [np.array([0.5]) if axis == self.axis else p for axis, p in enumerate(self.positions)]
        if not all(len(along) for along in between):
            return 0.0
        taken = []
        for _ in range(2):
            scores = torch.rand((at_a_time, *sides), device=self.device)
            started = time.perf_counter()
            labels_between([torch.softmax(scores, dim=0)], between).cpu()
            taken.append(time.perf_counter() - started)
        return min(taken) * len(self.positions[self.axis]) * classes / at_a_time

    def mib(self, channels: int) -> float:
        """Return the memory that it takes at once, in MiB: some planes of some classes, and copies on the way."""
        widest = [
            max(len(p), n)
            for axis, (p, n) in enumerate(zip(self.positions, self.size, strict=True))
            if axis != self.axis
        ]
        return 4 * max(CHUNK_BYTES, 2 * 4 * channels * int(np.prod(widest))) / 2**20

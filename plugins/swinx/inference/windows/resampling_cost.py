"""Time and memory of interpolating class probabilities to the grid of the scan, estimated beforehand."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from swinx.geometry import labels_between
from swinx.inference.windows.slab_logits import CHUNK_BYTES, LabelGrid, longest_axis, reach_of

__all__ = ["ResamplingCost"]


class ResamplingCost:
    """Time and memory that :class:`swinx.inference.windows.slab_logits.SlabLogits` needs for complete logits.

    Args:
        grid: Grid of the labels.
        size: Size of the volume, with padding.
        inner: Place of the image in it.
        device: Device of the logits.
    """

    def __init__(
        self, grid: LabelGrid, size: Sequence[int], inner: Sequence[slice], device: torch.device | str = "cpu"
    ) -> None:
        self.size = tuple(size)
        self.device = torch.device(device)
        self.axis = longest_axis(size)
        _, self.positions = reach_of(grid, inner)

    def seconds(self, classes: int, channels: int) -> float:
        """Measure the labels of one plane, and return the seconds that all planes take.

        Args:
            classes: Number of classes.
            channels: Number of classes that are interpolated at a time, at most.
        """
        at_a_time = min(classes, channels)
        sides = [2 if axis == self.axis else side for axis, side in enumerate(self.size)]
        between = [np.array([0.5]) if axis == self.axis else p for axis, p in enumerate(self.positions)]
        if not all(len(along) for along in between):
            return 0.0
        taken = []
        for _ in range(2):
            logits = torch.rand((at_a_time, *sides), device=self.device)
            started = time.perf_counter()
            labels_between([torch.softmax(logits, dim=0)], between).cpu()
            taken.append(time.perf_counter() - started)
        return min(taken) * len(self.positions[self.axis]) * classes / at_a_time

    def mib(self, channels: int) -> float:
        """Return the memory in MiB: some planes of some classes, and intermediate copies."""
        widest = [
            max(len(p), n)
            for axis, (p, n) in enumerate(zip(self.positions, self.size, strict=True))
            if axis != self.axis
        ]
        return 4 * max(CHUNK_BYTES, 2 * 4 * channels * int(np.prod(widest))) / 2**20

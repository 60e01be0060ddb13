"""Boxes into which the parts of overlapping windows cut a volume, and how much of it is unfinished at once."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise, product

__all__ = ["Box", "BoxGrid", "most_open_voxels"]

Box = tuple[int, int, int]
"""The index of a box along each axis."""


class BoxGrid:
    """A volume cut, along each axis, wherever one of its windows begins or ends.

    In each box the same windows overlap, so a box is finished when the last of them has come.

    Args:
        places: Where windows lie in the volume, or what is used of them.
    """

    def __init__(self, places: Iterable[Sequence[slice]]) -> None:
        ends: tuple[set[int], set[int], set[int]] = (set(), set(), set())
        for place in places:
            for cuts, axis in zip(ends, place, strict=True):
                cuts |= {axis.start, axis.stop}
        self.cuts = tuple(sorted(cuts) for cuts in ends)

    def boxes(self, place: Sequence[slice]) -> list[Box]:
        """Return the boxes of a place whose ends are among the cuts."""
        spans = [
            range(bisect_left(cuts, axis.start), bisect_left(cuts, axis.stop))
            for cuts, axis in zip(self.cuts, place, strict=True)
        ]
        return [(i, j, k) for i, j, k in product(*spans)]

    def extent(self, box: Box) -> tuple[slice, ...]:
        """Return where a box lies in the volume."""
        return tuple(slice(cuts[i], cuts[i + 1]) for cuts, i in zip(self.cuts, box, strict=True))

    def count(self, places: Iterable[Sequence[slice]]) -> Counter[Box]:
        """Return how many of the windows each box lies in."""
        return Counter(box for place in places for box in self.boxes(place))


def most_open_voxels(places: Sequence[Sequence[slice]]) -> int:
    """Return the most voxels that some windows have added to and others are still to add to, in this order."""
    grid = BoxGrid(places)
    to_come = grid.count(places)
    sides = [[high - low for low, high in pairwise(cuts)] for cuts in grid.cuts]
    added: set[Box] = set()
    most = held = 0
    for place in places:
        for box in grid.boxes(place):
            to_come[box] -= 1
            voxels = sides[0][box[0]] * sides[1][box[1]] * sides[2][box[2]]
            if to_come[box] and box not in added:
                added.add(box)
                held += voxels
            elif not to_come[box] and box in added:
                held -= voxels
            most = max(most, held)
    return most

"""Class ids of one scheme as class ids of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swinx.geometry import label_values

__all__ = ["relabel", "unknown_ids"]


def unknown_ids(labels: NDArray[Any], ids: Mapping[int, int]) -> list[int]:
    """Return the ids that occur in a label map but not in a mapping, in ascending order.

    Examples:
        >>> unknown_ids(np.array([[0, 3], [9, 9]]), {0: 0, 3: 1})
        [9]
    """
    return [int(value) for value in label_values(labels) if int(value) not in ids]


def relabel(labels: NDArray[Any], ids: Mapping[int, int]) -> NDArray[np.uint8]:
    """Replace every id of a label map by the one that a mapping gives for it.

    Args:
        labels: Label map of any shape; whole numbers from 0 on, of any dtype.
        ids: New id, 0..255, for each old one.

    Returns:
        A new label map in the shape and memory order of ``labels``.

    Raises:
        ValueError: If the map holds an id that the mapping does not know.

    Examples:
        >>> relabel(np.array([[0, 3], [5, 3]]), {0: 0, 3: 1, 5: 13}).tolist()
        [[0, 1], [13, 1]]
    """
    if strange := unknown_ids(labels, ids):
        raise ValueError(f"label ids {strange} are not in the mapping, which knows {sorted(ids)}")
    table = np.zeros(max(ids, default=0) + 1, dtype=np.uint8)
    for old, new in ids.items():
        table[old] = new
    renamed: NDArray[np.uint8] = table[labels if labels.dtype.kind in "iu" else labels.astype(np.int64)]
    return renamed

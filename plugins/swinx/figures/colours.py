"""Colours of the classes in all pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from swinx.labels import FLARE23, LabelSet

__all__ = ["colour_table"]


def colour_table(opacity: float, label_set: LabelSet = FLARE23) -> npt.NDArray[np.float32]:
    """Return red, green, blue and opacity by class id, ``(classes, 4)``, 0..1; the background is transparent.

    Examples:
        >>> colour_table(0.5)[[0, 5]].round(2).tolist()
        [[0.0, 0.0, 0.0, 0.0], [0.9100000262260437, 0.12999999523162842, 0.18000000715255737, 0.5]]
    """
    from matplotlib.colors import to_rgb

    table = np.zeros((label_set.num_classes, 4), dtype=np.float32)
    for label, colour in label_set.colours.items():
        table[label] = (*to_rgb(colour), opacity)
    return table

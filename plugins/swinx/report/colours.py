"""One colour per class, for every picture that this project makes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from matplotlib.colors import to_rgb

from swinx.labels import FlareLabel

__all__ = ["CLASS_COLOURS", "colour_table"]

CLASS_COLOURS: Mapping[FlareLabel, str] = MappingProxyType(
    {
        FlareLabel.LIVER: "#c8643c",  # rust
        FlareLabel.RIGHT_KIDNEY: "#f5a623",  # amber
        FlareLabel.SPLEEN: "#8e6bd8",  # violet
        FlareLabel.PANCREAS: "#f6e34b",  # yellow
        FlareLabel.AORTA: "#e8202f",  # red, as an artery is drawn
        FlareLabel.INFERIOR_VENA_CAVA: "#2f6fe4",  # blue, as a vein is drawn
        FlareLabel.RIGHT_ADRENAL_GLAND: "#38d6d0",  # turquoise
        FlareLabel.LEFT_ADRENAL_GLAND: "#7fc4ff",  # sky blue
        FlareLabel.GALLBLADDER: "#2f9e44",  # green, as bile
        FlareLabel.ESOPHAGUS: "#f7a1c4",  # pink
        FlareLabel.STOMACH: "#a6d854",  # lime
        FlareLabel.DUODENUM: "#c9a57b",  # tan
        FlareLabel.LEFT_KIDNEY: "#fdd08a",  # pale amber, the right kidney's partner
        FlareLabel.TUMOR: "#ff2fd6",  # magenta, unlike any organ
    }
)
"""Class to ``#rrggbb``. Paired organs have related hues; all can be told from the grey of a CT."""


def colour_table(opacity: float) -> npt.NDArray[np.float32]:
    """Return red, green, blue and opacity by class id, shape ``(15, 4)``, 0..1; the background is transparent.

    Examples:
        >>> colour_table(0.5)[[0, 5]].round(2).tolist()
        [[0.0, 0.0, 0.0, 0.0], [0.9100000262260437, 0.12999999523162842, 0.18000000715255737, 0.5]]
    """
    table = np.zeros((len(FlareLabel), 4), dtype=np.float32)
    for label, colour in CLASS_COLOURS.items():
        table[label] = (*to_rgb(colour), opacity)
    return table

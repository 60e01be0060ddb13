"""Colours of the classes that bring none."""

from __future__ import annotations

import colorsys

__all__ = ["generated_colour"]

_GOLDEN = 0.381966
"""Turn of the hue from one class to the next; the hues of any few in a row lie far apart."""

_SATURATION = (0.75, 0.5, 0.9)
_VALUE = (0.95, 0.8)


def generated_colour(label: int) -> str:
    """Return the colour ``#rrggbb`` of a class id; those of neighbouring ids differ in hue, saturation and value.

    Examples:
        >>> generated_colour(1), generated_colour(2)
        ('#66cc84', '#9718f2')
    """
    hue = (label * _GOLDEN) % 1.0
    saturation, value = _SATURATION[label % len(_SATURATION)], _VALUE[label % len(_VALUE)]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"

"""Rules for intensities: window of HU, or scaling by percentiles where the values are no HU."""

from __future__ import annotations

import math
from typing import Any

from swinx.planning.fingerprint import Fingerprint

__all__ = ["plan_intensities", "plan_window"]

_STEP_HU = 50
_LEAST_WIDTH_HU = 100


def plan_intensities(fingerprint: Fingerprint) -> list[tuple[str, Any, str]]:
    """Return name, value and reason of each setting about intensities."""
    low, _, middle, _, high = fingerprint.percentiles
    found = f"{low:g} to {high:g} inside the classes, {middle:g} in the middle"
    if not fingerprint.looks_like_hu:
        scaled = f"the values are not plausible HU ({found}), so that each scan is scaled by its own"
        return [("intensity", "percentiles", scaled)]
    window, reason = plan_window(fingerprint)
    return [
        ("intensity", "hu_window", f"the values are plausible HU: {found}"),
        ("window_hu", window, reason),
    ]


def plan_window(fingerprint: Fingerprint) -> tuple[list[int], str]:
    """Return the window of HU that is scaled to 0..1, and the reason.

    It reaches from the 5 % to the 95 % percentile inside the classes and as far again to both sides, for contrast with
    what is around them, but not beyond the 0.5 % and 99.5 % percentiles: gas and metal would take the contrast. Ends
    are rounded outward to 50 HU.
    """
    lowest, low, _, high, highest = fingerprint.percentiles
    width = high - low
    start = math.floor(max(lowest, low - width) / _STEP_HU) * _STEP_HU
    stop = math.ceil(min(highest, high + width) / _STEP_HU) * _STEP_HU
    if stop - start < _LEAST_WIDTH_HU:
        start, stop = start - _STEP_HU, stop + _STEP_HU
    reason = (
        f"nine tenths of the voxels of classes have {low:g} to {high:g} HU; as far again to both sides, within the "
        f"{lowest:g} to {highest:g} HU of all but 1 %"
    )
    return [start, stop], reason

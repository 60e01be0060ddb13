"""Scaling of intensities: a window of HU, percentiles of the body, or its mean and deviation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from swinx.preprocessing.body import BODY_THRESHOLD_HU

__all__ = ["INTENSITIES", "Intensity", "body_threshold", "scale_intensities"]

Intensity = Literal["hu_window", "percentiles", "zscore"]

INTENSITIES: tuple[Intensity, ...] = get_args(Intensity)

_PERCENTILES = (0.5, 99.5)
_SAMPLE = 2_000_000


def body_threshold(volume: NDArray[Any], intensity: Intensity) -> float:
    """Return the value above which a voxel may be body.

    In HU it is -300, between fat and lung. The values of other scans, such as MR, have no fixed meaning: there Otsu's
    threshold separates body from background (Otsu, IEEE Trans. SMC 9, 1979).

    Args:
        volume: Scan, any shape.
        intensity: How intensities are scaled; ``"hu_window"`` for a CT in HU.
    """
    if intensity == "hu_window":
        return BODY_THRESHOLD_HU
    import SimpleITK

    library: Any = SimpleITK  # its functions have no types
    otsu = library.OtsuThresholdImageFilter()
    otsu.Execute(library.GetImageFromArray(np.ascontiguousarray(volume, dtype=np.float32)))
    return float(otsu.GetThreshold())


def scale_intensities(volume: Tensor, intensity: Intensity, window_hu: Sequence[float], threshold: float) -> Tensor:
    """Scale a scan in place to the input of a network.

    Args:
        volume: Scan, float, any shape.
        intensity: ``"hu_window"``: ``window_hu`` becomes 0..1, values outside are clipped. ``"percentiles"``: the 0.5th
            and the 99.5th percentile of the body become 0 and 1, values outside are clipped. ``"zscore"``: the mean of
            the body becomes 0 and its standard deviation 1, after clipping to these percentiles.
        window_hu: HU of 0 and 1.
        threshold: Value above which a voxel counts as body, see :func:`body_threshold`.

    Returns:
        ``volume`` itself.
    """
    if intensity == "hu_window":
        low, high = window_hu
        return volume.sub_(low).div_(high - low).clamp_(0, 1)
    values = volume.reshape(-1)[:: max(1, volume.numel() // _SAMPLE)].cpu().numpy()
    body = values[values > threshold]
    body = body if body.size else values
    low, high = (float(value) for value in np.percentile(body, _PERCENTILES))
    width = max(high - low, float(np.finfo(np.float32).eps))
    if intensity == "percentiles":
        return volume.sub_(low).div_(width).clamp_(0, 1)
    clipped = np.clip(body, low, high)
    deviation = max(float(clipped.std()), float(np.finfo(np.float32).eps))
    return volume.clamp_(low, high).sub_(float(clipped.mean())).div_(deviation)

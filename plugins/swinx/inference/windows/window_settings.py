"""Settings of the sliding window, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

__all__ = ["WindowSettings"]


@dataclass(frozen=True)
class WindowSettings:
    """Size, overlap and use of the windows that a volume is segmented by.

    Windows, their blending and the padding are those of MONAI's ``sliding_window_inference``. ``margin`` and
    ``skip_air`` save time at the price of small differences; see ``docs/performance.md``.

    Attributes:
        roi_size: Sides of a window in voxels.
        overlap: Fraction of a window shared with its neighbour, in [0, 1).
        margin: Fraction of a window, at each end, that is not used where a neighbour covers it; at most half of the
            overlap.
        sw_batch_size: Windows per call of the network; halved for the rest of a volume if memory runs out.
        half_logits: Accumulate logits in half precision.
        skip_air: Leave out windows in which all that is used is air, 0 in the preprocessed image; voxels that no window
            covers are background.
        mode: Blending of overlapping windows, ``"gaussian"`` or ``"constant"``.
        sigma_scale: Width of the Gaussian as a fraction of the window.

    Raises:
        ValueError: If a value is out of range; the message names the setting.
    """

    roi_size: Sequence[int]
    overlap: float = 0.5
    margin: float = 0.0
    sw_batch_size: int = 1
    half_logits: bool = False
    skip_air: bool = False
    mode: str = "gaussian"
    sigma_scale: float = 0.125

    def __post_init__(self) -> None:
        roi: object = self.roi_size
        if not isinstance(roi, Sequence) or not all(_is_whole(side) and side > 0 for side in roi):
            raise ValueError(f"roi_size must be whole numbers above 0, one for each axis, not {roi!r}")
        object.__setattr__(self, "roi_size", tuple(roi))
        if not _is_whole(self.sw_batch_size) or self.sw_batch_size < 1:
            raise ValueError(f"sw_batch_size must be 1 or more, not {self.sw_batch_size!r}")
        if not _is_number(self.overlap) or not 0 <= self.overlap < 1:
            raise ValueError(f"overlap must be in [0, 1), not {self.overlap!r}")
        if not _is_number(self.margin) or not 0 <= self.margin <= self.overlap / 2:
            raise ValueError(
                f"margin must be from 0 to {self.overlap / 2:g}, half of the overlap, not {self.margin!r}: there would "
                "be gaps; where a profile sets the margin, give a smaller --margin with the smaller overlap"
            )
        for name in ("half_logits", "skip_air"):
            if not isinstance(value := getattr(self, name), bool):
                raise ValueError(f"{name} must be true or false, not {value!r}")

    def __str__(self) -> str:
        precision = "half" if self.half_logits else "single"
        at_once = f"{self.sw_batch_size} windows at once"
        return f"overlap {self.overlap:g}, margin {self.margin:g}, {at_once}, logits in {precision} precision"


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)

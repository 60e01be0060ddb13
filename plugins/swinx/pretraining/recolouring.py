"""Random changes of intensity of a view, so that two views of one place differ."""

from __future__ import annotations

from monai.transforms import (
    Compose,
    RandAdjustContrastd,
    RandGaussianNoised,
    RandGaussianSmoothd,
    RandScaleIntensityd,
    RandShiftIntensityd,
    ThresholdIntensityd,
)

__all__ = ["view_recolouring"]


def view_recolouring(prob: float, keys: tuple[str, ...] = ("view_1", "view_2")) -> Compose:
    """Return MONAI's transforms that recolour each view by itself; none for a probability of 0, as in the paper.

    The changes are those between scanners, doses and kernels, in units of the intensities: a scale of up to 20 %, a
    shift of up to 0.1, a gamma from 0.7 to 1.5, a blur of up to 1 voxel and noise of up to 0.05. What they carry out
    of [0, 1] is clipped. The recoloured view is also what masked image prediction is to reconstruct.

    Args:
        prob: Probability of each change in each view, in [0, 1].
        keys: The views.

    Raises:
        ValueError: If the probability is out of range.
    """
    if not 0 <= prob <= 1:
        raise ValueError(f"recolour_prob must be from 0 to 1, not {prob}")
    if prob == 0:
        return Compose()
    steps = []
    for key in keys:
        steps += [
            RandScaleIntensityd(key, factors=0.2, prob=prob),
            RandShiftIntensityd(key, offsets=0.1, prob=prob),
            ThresholdIntensityd(key, threshold=0.0, above=True, cval=0.0),
            RandAdjustContrastd(key, gamma=(0.7, 1.5), prob=prob),
            RandGaussianSmoothd(key, sigma_x=(0.25, 1.0), sigma_y=(0.25, 1.0), sigma_z=(0.25, 1.0), prob=prob),
            RandGaussianNoised(key, std=0.05, prob=prob),
            ThresholdIntensityd(key, threshold=0.0, above=True, cval=0.0),
            ThresholdIntensityd(key, threshold=1.0, above=False, cval=1.0),
        ]
    return Compose(steps)

"""Transform that acquires a patch as a scanner might: thick slices, a kernel's blur, noise."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.transforms import MapTransform, RandomizableTransform
from torch import Tensor
from torch.nn.functional import conv1d, pad

from swinx.cohorts.generator.recolour import like_volume
from swinx.cohorts.generator.source_scan import AIR_HU
from swinx.cohorts.generator.tensor_fields import blurred, noise_field

__all__ = ["RandAcquisitiond"]


class RandAcquisitiond(RandomizableTransform, MapTransform):
    """Random slice thickness, sharpness and noise of a patch.

    Args:
        keys: Images in HU ``(1, X, Y, Z)``; slices are stacked along the last axis.
        spacing_mm: Voxel size.
        slice_mm: Slice thickness, least and largest; below the voxel size nothing is blurred.
        kernel_mm: Width (standard deviation) of the blur in the slice, least and largest.
        noise_hu: Standard deviation of the noise, least and largest.
        gain: Error of the scale of HU, and ``shift_hu`` of its zero: largest.
        shift_hu: See ``gain``.
    """

    def __init__(
        self,
        keys: str = "image",
        spacing_mm: float = 3.0,
        slice_mm: tuple[float, float] = (1.0, 5.0),
        kernel_mm: tuple[float, float] = (0.0, 1.8),
        noise_hu: tuple[float, float] = (5.0, 35.0),
        gain: float = 0.03,
        shift_hu: float = 6.0,
    ) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, 1.0)
        self.spacing_mm, self.slice_mm, self.kernel_mm, self.noise_hu = spacing_mm, slice_mm, kernel_mm, noise_hu
        self.gain, self.shift_hu = gain, shift_hu

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data``, acquired anew."""
        out = dict(data)
        for key in self.key_iterator(out):
            image = torch.as_tensor(out[key][0]).as_subclass(Tensor)
            image = _thick(image, self.R.uniform(*self.slice_mm) / self.spacing_mm)
            width = self.R.uniform(*self.kernel_mm) / self.spacing_mm
            image = blurred(image, (width, width, 0.0)) if width > 0.15 else image
            air = image < AIR_HU + 20
            image = image * float(1 + self.R.uniform(-1, 1) * self.gain) + float(self.R.uniform(-1, 1) * self.shift_hu)
            deviation = float(self.R.uniform(*self.noise_hu))
            grain = self.R.uniform(0.0, 0.8)
            noise = noise_field(self.R, image.shape, (grain, grain, self.R.uniform(0, 0.6)), image.device)
            image = image + deviation * noise * torch.where(air, 0.5, 1.0)
            out[key] = like_volume(image.clamp(AIR_HU, 3071.0), out[key])
        return out


def _thick(image: Tensor, voxels: float) -> Tensor:
    """Return the mean over slices of so many voxels, along the last axis."""
    if voxels <= 1:
        return image
    side = (voxels - 1) / 2  # share of each neighbour in a box of this width
    kernel = image.new_tensor([side, 1.0, side]) / voxels
    lines = pad(image.reshape(-1, 1, image.shape[2]), (1, 1), mode="replicate")
    return conv1d(lines, kernel[None, None]).reshape(image.shape)

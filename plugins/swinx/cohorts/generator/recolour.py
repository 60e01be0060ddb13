"""Transform that gives a patch the contrast phase of another scan, or contrasts that no scan has."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.transforms import MapTransform, RandomizableTransform
from torch import Tensor

from swinx.cohorts.generator.contrast_phases import PHASES, TYPICAL_HU, group_of
from swinx.cohorts.generator.source_scan import FIRST_TISSUE, TISSUES
from swinx.cohorts.generator.tensor_fields import noise_field, smooth_tensor

__all__ = ["RandContrastd", "like_volume"]

_CORE_HU = 100.0
"""Deviation from a structure's median beyond which a voxel is a mixture with its surroundings, or gas."""

_GAS_HU = -300.0
_AORTA = 52
_FAT, _SOFT, _BRIGHT = FIRST_TISSUE + 1, FIRST_TISSUE + TISSUES - 2, FIRST_TISSUE + TISSUES - 1
_RIM_HU = 75.0


class RandContrastd(RandomizableTransform, MapTransform):
    """Random contrast of every structure of a patch.

    A phase is drawn, and for every group of structures a mean in its range (:data:`TYPICAL_HU`); both kidneys share
    theirs but for a little. The structure's own texture stays around the new mean, stronger or weaker, and mixed voxels
    at its border stay mixed. With ``synthetic_prob`` the patch is painted anew instead from its structures alone
    with random means, as SynthSeg (https://arxiv.org/abs/2107.09559) does; gas and bone keep their kind.

    Args:
        keys: Images in HU ``(1, X, Y, Z)``.
        structures_key: Numbers of structures on the same grid.
        hounsfield_key: Median of each structure in the source ``(256,)``.
        synthetic_prob: Probability of paint without texture.
        same_prob: Probability of the source's own contrast.
    """

    def __init__(
        self,
        keys: str = "image",
        structures_key: str = "structures",
        hounsfield_key: str = "hounsfield",
        synthetic_prob: float = 0.15,
        same_prob: float = 0.05,
    ) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, 1.0)
        self.structures_key, self.hounsfield_key = structures_key, hounsfield_key
        self.synthetic_prob, self.same_prob = synthetic_prob, same_prob
        self.groups = group_of()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with another contrast, and its ``phase``."""
        out = dict(data)
        choice = self.R.uniform()
        structures, medians = out[self.structures_key][0].long(), out[self.hounsfield_key]
        for key in self.key_iterator(out):
            image = out[key][0].as_tensor() if hasattr(out[key], "as_tensor") else out[key][0]
            if choice < self.synthetic_prob:
                out["phase"], new = "synthetic", self._paint(image, structures, medians)
            elif choice < self.synthetic_prob + self.same_prob:
                out["phase"], new = "own", image
            else:
                phase = self.R.randint(len(PHASES))
                out["phase"], new = PHASES[phase], self._recolour(image, structures, medians, phase)
            out[key] = like_volume(new, out[key])
        return out

    def _recolour(self, image: Tensor, structures: Tensor, medians: Tensor, phase: int) -> Tensor:
        means = {group: self.R.uniform(*ranges[phase]) for group, ranges in TYPICAL_HU.items()}
        if self.R.uniform() < 0.1:  # fatty liver
            means["liver"] -= self.R.uniform(10, 60)
        old = medians.cpu().numpy().astype(np.float64)
        shift, gain = np.zeros(256), np.ones(256)
        for number, group in self.groups.items():
            shift[number] = means[group] + self.R.normal(0, 4) - old[number]
            gain[number] = self.R.uniform(0.1, 0.5) if group == "kidney" and phase != 1 else self.R.uniform(0.5, 1.1)
        shift[_SOFT] = means["muscle"] - 52 + self.R.normal(0, 4)
        shift[_FAT] = self.R.uniform(-12, 12)
        shift_of, gain_of, old_of = (
            torch.from_numpy(table.astype(np.float32)).to(image.device)[structures] for table in (shift, gain, old)
        )
        share = _share_of_structure(image, structures, old_of)
        core = (image - old_of).clamp(-_CORE_HU, 3 * _CORE_HU)
        moved = image + share * (shift_of + (gain_of - 1) * core)
        vessels = float(np.clip((means["artery"] - 40) / max(old[_AORTA] - 40, 60.0), 0.0, 1.2)) if old[_AORTA] else 1.0
        unlabelled = (structures == _SOFT) | (structures == _BRIGHT)  # small vessels, and the rims of large ones
        moved = torch.where(unlabelled & (image > _RIM_HU), _RIM_HU + (image - _RIM_HU) * vessels, moved)
        return torch.where(image < _GAS_HU, image, moved)

    def _paint(self, image: Tensor, structures: Tensor, medians: Tensor) -> Tensor:
        old = medians.cpu().numpy().astype(np.float64)
        mean, deviation = np.full(256, -1024.0), np.zeros(256)
        for number in range(1, 256):
            stiff = old[number] < _GAS_HU or (old[number] > 180 and number not in self.groups)
            mean[number] = old[number] + self.R.normal(0, 40) if stiff else self.R.uniform(-80, 260)
            deviation[number] = self.R.uniform(2, 25)
        mean[_FAT] = self.R.uniform(-130, -60)
        mean_of, deviation_of = (
            torch.from_numpy(table.astype(np.float32)).to(image.device)[structures] for table in (mean, deviation)
        )
        texture = noise_field(self.R, image.shape, [self.R.uniform(0.5, 2)] * 3, image.device)
        bias = smooth_tensor(self.R, 1, image.shape, 1.0, 20.0, image.device)[0] * self.R.uniform(0, 12)
        painted = _softened(mean_of) + deviation_of * texture + bias * (structures > 0)
        return torch.where(image < _GAS_HU, image, painted)


def _share_of_structure(image: Tensor, structures: Tensor, old: Tensor) -> Tensor:
    """Return how much of each voxel is its structure, in [0, 1].

    Inside it is all; at the border it follows from the intensity, between that of the structure and that of fat, or of
    soft tissue around a structure full of contrast medium. All arguments and the result are ``(X, Y, Z)``.
    """
    numbers = structures.float()[None, None]
    highest = torch.nn.functional.max_pool3d(numbers, 3, stride=1, padding=1)
    lowest = -torch.nn.functional.max_pool3d(-numbers, 3, stride=1, padding=1)
    around = torch.where(old > 130, 20.0, -100.0)
    mixed = ((image - around) / (old - around).clamp(min=20.0)).clamp(0, 1)
    return torch.where((highest == lowest)[0, 0], 1.0, mixed)


def _softened(field: Tensor) -> Tensor:
    """Return a field averaged over 27 neighbours, so that no seam marks the border of a structure."""
    padded = torch.nn.functional.pad(field[None, None], (1,) * 6, mode="replicate")
    return torch.nn.functional.avg_pool3d(padded, 3, stride=1)[0, 0]


def like_volume(new: Tensor, former: Tensor) -> Tensor:
    """Return ``(X, Y, Z)`` as one channel with the metadata of the former tensor."""
    out = former.clone() if hasattr(former, "as_tensor") else former.new_empty(former.shape)
    out[0] = new
    return out

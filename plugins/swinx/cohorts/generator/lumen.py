"""Transform that exchanges what stomach and bowel hold: gas, water, food, contrast medium."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.transforms import MapTransform, RandomizableTransform
from torch import Tensor
from torch.nn.functional import max_pool3d

from swinx.cohorts.generator.recolour import like_volume
from swinx.cohorts.generator.tensor_fields import blurred, smooth_tensor
from swinx.labels import read_label_set

__all__ = ["RandLumend"]

_HOLLOW = ("stomach", "duodenum", "small_bowel", "colon", "esophagus")
_GAS_HU = -980.0


class RandLumend(RandomizableTransform, MapTransform):
    """Random content of hollow organs of a patch.

    The inside of each organ, one voxel below its surface, is filled with water, food or oral contrast medium up to a
    random level; above it, toward the front of a patient on his back, is gas. Some organs keep what they hold, and
    some are collapsed.

    Args:
        keys: Images in HU ``(1, X, Y, Z)``, axes toward right or left, front or back, head or feet in this order.
        structures_key: Numbers of structures on the same grid.
        prob: Probability that an organ's content is exchanged.
    """

    def __init__(self, keys: str = "image", structures_key: str = "structures", prob: float = 0.65) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, 1.0)
        self.structures_key, self.organ_prob = structures_key, prob
        names = read_label_set("totalsegmentator")
        self.numbers = [number for name in _HOLLOW if (number := names.find(name)) is not None]

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with other contents."""
        out = dict(data)
        structures = out[self.structures_key][0]
        for key in self.key_iterator(out):
            image = torch.as_tensor(out[key][0]).as_subclass(Tensor).clone()
            for number in self.numbers:
                exchanged = self.R.uniform() < self.organ_prob
                organ = (structures == number).as_subclass(Tensor)
                if exchanged and int(organ.sum()) > 30:
                    self._fill(image, organ)
            out[key] = like_volume(image, out[key])
        return out

    def _fill(self, image: Tensor, organ: Tensor) -> None:
        """Fill an organ ``(X, Y, Z)`` in place."""
        outside = (~organ).float()[None, None]
        inside = max_pool3d(outside, 3, stride=1, padding=1)[0, 0] == 0
        wall = image[organ & (image > -50) & (image < 250)]
        tissue = float(wall.median()) if wall.numel() else 40.0
        image[organ & (image < -60)] = tissue  # the gas of the source, and the voxels half of gas around it
        kind = self.R.uniform()
        if kind < 0.2 or not bool(inside.any()):
            return  # collapsed
        content = self._content(kind, tuple(image.shape), image.device)
        fronts = inside.nonzero()[:, 1].float()
        level = torch.quantile(fronts[:: max(1, fronts.numel() // 4000)], float(self.R.choice([0.15, 0.5, 0.75, 1.0])))
        rows = torch.arange(image.shape[1], device=image.device, dtype=torch.float32)[None, :, None]
        content = torch.where(rows > level, torch.full_like(content, _GAS_HU), content)
        share = blurred(inside.float(), [0.5] * 3)
        image.copy_(torch.where(organ, image + share * (content - image), image))

    def _content(self, kind: float, shape: tuple[int, ...], device: torch.device) -> Tensor:
        if kind < 0.65:  # water
            return torch.full(shape, float(self.R.uniform(-5, 30)), device=device)
        coarse = smooth_tensor(self.R, 1, shape, 1.0, 3.0, device)[0]
        if kind < 0.9:  # food, stool
            return float(self.R.uniform(0, 70)) + coarse * float(self.R.uniform(15, 90))
        return float(self.R.uniform(120, 400)) + coarse * 15.0  # oral contrast medium

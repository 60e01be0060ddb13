"""Transforms that add what surrounds a patient, and cut the field of view."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.transforms import MapTransform, RandomizableTransform
from torch import Tensor

from swinx.cohorts.generator.recolour import like_volume
from swinx.cohorts.generator.source_scan import AIR_HU

__all__ = ["RandFieldOfViewd", "RandSurroundingsd"]


class RandSurroundingsd(RandomizableTransform, MapTransform):
    """Random table behind the patient, and arms beside him.

    Args:
        keys: Images in HU ``(1, X, Y, Z)``, axes toward right or left, front, head.
        structures_key: Numbers of structures on the same grid; nothing is painted where there is one.
        spacing_mm: Voxel size.
        table_prob: Probability of a table.
        arms_prob: Probability of arms.
    """

    def __init__(
        self,
        keys: str = "image",
        structures_key: str = "structures",
        spacing_mm: float = 3.0,
        table_prob: float = 0.6,
        arms_prob: float = 0.15,
    ) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, 1.0)
        self.structures_key, self.spacing_mm = structures_key, spacing_mm
        self.table_prob, self.arms_prob = table_prob, arms_prob

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with table and arms."""
        out = dict(data)
        body = (out[self.structures_key][0] > 0).as_subclass(Tensor)
        table, arms = self.R.uniform() < self.table_prob, self.R.uniform() < self.arms_prob
        for key in self.key_iterator(out):
            image = torch.as_tensor(out[key][0]).as_subclass(Tensor).clone()
            if table and bool(body.any()):
                self._add_table(image, body)
            if arms and bool(body.any()):
                self._add_arms(image, body)
            out[key] = like_volume(image, out[key])
        return out

    def _add_table(self, image: Tensor, body: Tensor) -> None:
        x = torch.arange(image.shape[0], device=image.device, dtype=torch.float32)[:, None, None]
        y = torch.arange(image.shape[1], device=image.device, dtype=torch.float32)[None, :, None]
        occupied = body.any(dim=2)
        back = int(occupied.any(dim=0).nonzero()[0])
        centre = float(occupied.any(dim=1).nonzero().float().mean()) + self.R.uniform(-15, 15)
        rise = self.R.uniform(0, 0.004)
        top = back - self.R.uniform(0, 25) / self.spacing_mm + rise * (x - centre).square()
        thickness = self.R.uniform(3, 30) / self.spacing_mm
        depth = top - y  # below the top of the table
        shell = (depth >= 0) & (depth < 1.2) | (depth >= thickness) & (depth < thickness + 1.2)
        filling = (depth >= 0) & (depth < thickness)
        free = ~body & (image < -300)
        image[(filling & free).expand_as(image)] = float(self.R.uniform(-980, -750))
        image[(shell & free).expand_as(image)] = float(self.R.uniform(-600, 150))

    def _add_arms(self, image: Tensor, body: Tensor) -> None:
        x = torch.arange(image.shape[0], device=image.device, dtype=torch.float32)[:, None, None]
        y = torch.arange(image.shape[1], device=image.device, dtype=torch.float32)[None, :, None]
        z = torch.arange(image.shape[2], device=image.device, dtype=torch.float32)[None, None, :]
        columns = body.any(dim=2)
        sides = columns.any(dim=1).nonzero()
        middle = float(columns.any(dim=0).nonzero().float().mean())
        radius = self.R.uniform(30, 48) / self.spacing_mm
        gap = self.R.uniform(0, 15) / self.spacing_mm
        for edge, outward in ((int(sides[0]), -1), (int(sides[-1]), 1)):
            centre_x = edge + outward * (radius + gap) + self.R.uniform(-0.1, 0.1) * z
            centre_y = middle + self.R.uniform(-25, 25) / self.spacing_mm + self.R.uniform(-0.2, 0.2) * z
            away = ((x - centre_x).square() + (y - centre_y).square()).sqrt()
            free = ~body & (image < -300)
            image[(away < radius) & free] = float(self.R.uniform(-115, -85))
            image[(away < 0.8 * radius) & free] = float(self.R.uniform(40, 70))
            image[(away < 0.28 * radius) & free] = float(self.R.uniform(300, 900))


class RandFieldOfViewd(RandomizableTransform, MapTransform):
    """Random end of the scan within a patch: above, below or at the side there is air without label.

    Args:
        keys: Volumes ``(1, X, Y, Z)``: images in HU and numbers of structures.
        structures_key: That of ``keys`` that holds structures.
        end_prob: Probability of an end above or below.
        circle_prob: Probability that the reconstructed circle cuts the patient.
        most: Largest share of the patch that is cut off.
    """

    def __init__(
        self,
        keys: tuple[str, ...] = ("image", "structures"),
        structures_key: str = "structures",
        end_prob: float = 0.3,
        circle_prob: float = 0.08,
        most: float = 0.55,
    ) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, 1.0)
        self.structures_key, self.end_prob, self.circle_prob, self.most = structures_key, end_prob, circle_prob, most

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with less in view."""
        out = dict(data)
        end, circle, at_top = self.R.uniform() < self.end_prob, self.R.uniform() < self.circle_prob, self.R.uniform()
        share, shift = self.R.uniform(0, self.most), self.R.uniform(-0.3, 0.3, size=2)
        for key in self.key_iterator(out):
            volume = torch.as_tensor(out[key][0]).as_subclass(Tensor).clone()
            empty = 0 if key == self.structures_key else AIR_HU
            size = volume.shape
            if end:
                cut = round(share * size[2])
                volume[:, :, size[2] - cut :] = empty if at_top < 0.5 else volume[:, :, size[2] - cut :]
                volume[:, :, :cut] = empty if at_top >= 0.5 else volume[:, :, :cut]
            if circle:
                x = torch.linspace(-1, 1, size[0], device=volume.device)[:, None, None] - shift[0]
                y = torch.linspace(-1, 1, size[1], device=volume.device)[None, :, None] - shift[1]
                volume[((x.square() + y.square()) > 1).expand_as(volume)] = empty
            out[key] = like_volume(volume, out[key])
        return out

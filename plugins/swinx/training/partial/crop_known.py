"""Random patches centred on the known voxels of a partial label map."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandCropByPosNegLabeld, Randomizable
from monai.transforms.traits import MultiSampleTrait
from torch import Tensor

from swinx.labels import UNKNOWN

__all__ = ["RandCropByKnownLabeld", "find_crop_centres"]

_FOREGROUND, _BACKGROUND = "_foreground_indices", "_background_indices"


class CropCentres:
    """Possible centres of patches in rising order, found one by one: a list of them is eight times the scan.

    Args:
        chosen: Which voxels are possible centres, ``(1, X, Y, Z)``.
    """

    def __init__(self, chosen: Tensor) -> None:
        self.chosen = chosen[0]
        counts = torch.stack([plane.count_nonzero() for plane in self.chosen])  # a tenth of the time of a sum
        self.until = counts.cumsum(0)  # centres in the planes up to this one

    def __len__(self) -> int:
        """Return the number of centres."""
        return int(self.until[-1])

    def __getitem__(self, number: int) -> int:
        """Return the place of a centre in the flat volume, as MONAI's ``map_binary_to_indices`` gives it."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        plane = int(torch.searchsorted(self.until, number, right=True))
        before = int(self.until[plane - 1]) if plane else 0
        return plane * self.chosen[0].numel() + int(self.chosen[plane].flatten().nonzero()[number - before])


def find_crop_centres(label: Tensor) -> tuple[CropCentres, CropCentres]:
    """Return the possible centres of patches: voxels of classes and of background, without unknown ones.

    Args:
        label: Class ids, ``(1, X, Y, Z)``.

    Returns:
        The centres on a class, and those on background. If all voxels are unknown, all count as background.

    Examples:
        >>> foreground, background = find_crop_centres(torch.tensor([[[[0, 3, 255, 0]]]]))
        >>> list(foreground), list(background)
        ([1], [0, 3])
    """
    label = label.as_subclass(Tensor)  # without the bookkeeping of MONAI's tensors
    foreground, background = CropCentres((label != 0) & (label != UNKNOWN)), CropCentres(label == 0)
    if not len(foreground) and not len(background):
        return foreground, CropCentres(label == UNKNOWN)
    return foreground, background


class RandCropByKnownLabeld(Randomizable, MapTransform, MultiSampleTrait):
    """MONAI's ``RandCropByPosNegLabeld`` that centres no patch on an unknown voxel.

    To MONAI every value but 0 is foreground, :data:`swinx.labels.UNKNOWN` included. Without unknown voxels the
    patches are the same as MONAI's, draw by draw.

    Args:
        keys: Volumes to crop together, ``(C, X, Y, Z)``.
        label_key: The label map that decides on the centres.
        spatial_size: Sides of a patch in voxels.
        pos: Share of patches centred on a class, against ``neg``.
        neg: Share of patches centred on background.
        num_samples: Patches of one scan.
    """

    def __init__(
        self,
        keys: KeysCollection,
        label_key: str,
        spatial_size: Sequence[int] | int,
        pos: float = 1.0,
        neg: float = 1.0,
        num_samples: int = 1,
    ) -> None:
        MapTransform.__init__(self, keys)
        self.label_key = label_key
        self.crop = RandCropByPosNegLabeld(
            keys=keys,
            label_key=label_key,
            spatial_size=spatial_size,
            pos=pos,
            neg=neg,
            num_samples=num_samples,
            fg_indices_key=_FOREGROUND,
            bg_indices_key=_BACKGROUND,
        )

    def set_random_state(
        self, seed: int | None = None, state: np.random.RandomState | None = None
    ) -> RandCropByKnownLabeld:
        """Seed the random choices."""
        super().set_random_state(seed, state)
        self.crop.set_random_state(seed, state)
        return self

    def __call__(self, data: Mapping[Hashable, Any]) -> list[dict[Hashable, Any]]:
        """Return one shallow copy of ``data`` per patch."""
        item = dict(data)
        item[_FOREGROUND], item[_BACKGROUND] = find_crop_centres(data[self.label_key])
        patches: list[dict[Hashable, Any]] = self.crop(item)
        return patches

"""Random patches centred on the known voxels of a partial label map."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandCropByPosNegLabeld, Randomizable
from monai.transforms.traits import MultiSampleTrait
from monai.transforms.utils import map_binary_to_indices
from torch import Tensor

from swinx.labels import UNKNOWN

__all__ = ["RandCropByKnownLabeld", "find_crop_centres"]

_FOREGROUND, _BACKGROUND = "_foreground_indices", "_background_indices"


def find_crop_centres(label: Tensor) -> tuple[Tensor, Tensor]:
    """Return the possible centres of patches: voxels of classes and of background, without unknown ones.

    Args:
        label: Class ids, ``(1, X, Y, Z)``.

    Returns:
        Indices into the flat volume in rising order, as MONAI's ``map_binary_to_indices`` gives them. If all voxels
        are unknown, all count as background.

    Examples:
        >>> foreground, background = find_crop_centres(torch.tensor([[[[0, 3, 255, 0]]]]))
        >>> foreground.tolist(), background.tolist()
        ([1], [0, 3])
    """
    known = label != UNKNOWN
    if not known.any():
        known = ~known
    foreground, background = map_binary_to_indices(torch.where(label == UNKNOWN, 0, label), image=known)
    return torch.as_tensor(foreground), torch.as_tensor(background)


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
        foreground, background = find_crop_centres(data[self.label_key])
        patches: list[dict[Hashable, Any]] = self.crop({**data, _FOREGROUND: foreground, _BACKGROUND: background})
        return patches

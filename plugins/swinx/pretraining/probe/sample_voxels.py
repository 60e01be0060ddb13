"""Dictionary wrapper for `swinx.pretraining.probe.voxel_sampling`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from swinx.pretraining.probe.voxel_sampling import case_generator, certain_classes, draw_class_voxels

__all__ = ["SampleVoxelsd"]


class SampleVoxelsd(MapTransform):
    """Draw voxels of every class that a label map shows for certain; the same ones for the same seed and case.

    Which classes count is decided by the item's list of annotated classes, see
    :func:`swinx.pretraining.probe.voxel_sampling.certain_classes`.

    Args:
        keys: The label map, ``(1, X, Y, Z)``.
        voxels_per_class: Most voxels of one class.
        include_background: Draw background as well, where every organ is annotated.
        seed: Of the draw.
        annotated_key: Item that holds the completely annotated class ids; may be absent.
        case_key: Item that holds the case name.
        allow_missing_keys: Skip an absent key instead of raising ``KeyError``.

    Raises:
        ValueError: If there is more than one key, or ``voxels_per_class`` is not positive.
    """

    def __init__(
        self,
        keys: KeysCollection,
        voxels_per_class: int,
        include_background: bool = True,
        seed: int = 0,
        annotated_key: str = "annotated",
        case_key: str = "case",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"voxels are drawn from one label map; got the keys {self.keys}")
        if voxels_per_class < 1:
            raise ValueError(f"voxels_per_class must be 1 or more, not {voxels_per_class}")
        self.voxels_per_class = voxels_per_class
        self.include_background = include_background
        self.seed = seed
        self.annotated_key = annotated_key
        self.case_key = case_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with ``voxels``, int64 ``(N, 3)``, and ``classes``, int64 ``(N,)``."""
        out = dict(data)
        for key in self.key_iterator(out):
            label = out[key].as_tensor() if isinstance(out[key], MetaTensor) else torch.as_tensor(out[key])
            voxels, classes = draw_class_voxels(
                np.asarray(label[0].cpu()),
                certain_classes(out.get(self.annotated_key), self.include_background),
                self.voxels_per_class,
                case_generator(self.seed, str(out[self.case_key])),
            )
            out["voxels"], out["classes"] = torch.from_numpy(voxels), torch.from_numpy(classes)
        return out

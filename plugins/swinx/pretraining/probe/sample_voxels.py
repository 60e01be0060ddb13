"""Voxels of every annotated class, sampled from a label map."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from numpy.typing import NDArray

from swinx.labels import FLARE23, LabelSet

__all__ = ["SampleVoxelsd", "certain_classes", "sample_voxels"]


def certain_classes(
    annotated: Collection[int] | None, include_background: bool, label_set: LabelSet = FLARE23
) -> list[int]:
    """Return the classes whose voxels in a partly annotated label map are certain, in rising order.

    Annotated foreground is certain. Background is certain only where every organ is annotated: elsewhere it may belong
    to an unannotated organ.

    Args:
        annotated: Class ids that are annotated completely; None, where that is not recorded, stands for all foreground.
        include_background: Return the background, too, where it is certain.
        label_set: The classes; its lesions are no organs.

    Examples:
        >>> certain_classes([14, 1], include_background=True)
        [1, 14]
    """
    if annotated is None:
        return list(label_set.foreground)
    complete = include_background and set(label_set.organs or label_set.lesions) <= set(annotated)
    return sorted({*([0] if complete else []), *(int(label) for label in annotated)})


def sample_voxels(
    labels: NDArray[Any], classes: Collection[int], per_class: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sample up to ``per_class`` voxels of each class of a label map ``(X, Y, Z)``, each equally likely.

    Returns:
        Voxel indices ``(N, 3)`` and class ids ``(N,)``, class by class in rising order.
    """
    places, ids = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for label in sorted(classes):
        found = np.flatnonzero(labels.reshape(-1) == label)
        sampled = np.sort(random.choice(found, size=min(per_class, found.size), replace=False))
        places.append(sampled)
        ids.append(np.full(sampled.size, label, dtype=np.int64))
    voxels = np.stack(np.unravel_index(np.concatenate(places), labels.shape), axis=1).astype(np.int64)
    return voxels, np.concatenate(ids)


class SampleVoxelsd(MapTransform):
    """Transform that samples voxels of every certain class; the same ones for the same seed and case.

    Args:
        keys: The label map, ``(1, X, Y, Z)``.
        voxels_per_class: Most voxels of one class.
        include_background: Sample background as well, where it is certain; see :func:`certain_classes`.
        seed: A case's voxels depend on the seed and on the case's name alone.
        label_set: The classes.

    Raises:
        ValueError: If there is more than one key, or ``voxels_per_class`` is not positive.
    """

    def __init__(
        self,
        keys: KeysCollection,
        voxels_per_class: int,
        include_background: bool = True,
        seed: int = 0,
        label_set: LabelSet = FLARE23,
    ) -> None:
        super().__init__(keys)
        if len(self.keys) != 1:
            raise ValueError(f"voxels are sampled from one label map; got the keys {self.keys}")
        if voxels_per_class < 1:
            raise ValueError(f"voxels_per_class must be 1 or more, not {voxels_per_class}")
        self.voxels_per_class = voxels_per_class
        self.include_background = include_background
        self.seed = seed
        self.label_set = label_set

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a copy of ``data`` with ``voxels``, int64 ``(N, 3)``, and ``classes``, int64 ``(N,)``.

        ``data`` has the name of the ``case``, and ``annotated`` class ids if they are recorded.
        """
        labels = np.asarray(data[self.keys[0]][0].cpu())
        classes = certain_classes(data.get("annotated"), self.include_background, self.label_set)
        random = np.random.default_rng([self.seed, zlib.crc32(str(data["case"]).encode())])
        voxels, ids = sample_voxels(labels, classes, self.voxels_per_class, random)
        return {**data, "voxels": torch.from_numpy(voxels), "classes": torch.from_numpy(ids)}

"""Samples of labels in the form of class probabilities, for tools that measure how much they disagree."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from swinx.inference.vote_count import one_hot_votes, thinning_stride
from swinx.labels import NUM_CLASSES

__all__ = ["LABEL_SAMPLE", "LabelVotesd"]

LABEL_SAMPLE = "label_sample"
"""Key in the metadata of a label map: it is one of several that were drawn by dropout, and no result."""


class LabelVotesd(MapTransform):
    """Turn a label map that was drawn by dropout into one vote for a class at each voxel; leave results as they are.

    MONAI Label's epistemic score takes the mean over samples as the probability of each class, and its entropy. A
    sample is known by ``LABEL_SAMPLE`` in its metadata
    (:class:`swinx.inference.SlidingWindowLabelInferer`). The votes of all classes at all voxels of a scan would take
    gigabytes for each sample: only every second, third, ... voxel along each axis is kept, which hardly moves a mean.

    Args:
        keys: Label maps ``(1, X, Y, Z)``, after :class:`swinx.inference.RestoreLabelsd`.
        ref_key: The image; its ``spatial_shape``, to which MONAI Label would enlarge the votes, becomes theirs.
        num_classes: Number of classes ``K``, with background.
        max_voxels: Most voxels that are kept.
        allow_missing_keys: Skip an absent key instead of raising ``KeyError``.

    Raises:
        ValueError: If ``max_voxels`` is below 1.
    """

    def __init__(
        self,
        keys: KeysCollection,
        ref_key: str = "image",
        num_classes: int = NUM_CLASSES,
        max_voxels: int = 1_000_000,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if max_voxels < 1:
            raise ValueError(f"max_voxels must be 1 or more, not {max_voxels}")
        self.ref_key = ref_key
        self.num_classes = num_classes
        self.max_voxels = max_voxels

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data``; a sample becomes a ``MetaTensor`` ``(K, x, y, z)``, uint8, 0 or 1.

        Raises:
            ValueError: If a sample holds a value that is no class.
        """
        out = dict(data)
        for key in self.key_iterator(out):
            if not (isinstance(out[key], MetaTensor) and out[key].meta.get(LABEL_SAMPLE)):
                continue
            labels = out[key].as_tensor()[0]
            stride = thinning_stride(labels.shape, self.max_voxels)
            votes = one_hot_votes(labels[::stride, ::stride, ::stride], self.num_classes)
            thinned = torch.diag(torch.tensor([stride, stride, stride, 1], dtype=out[key].affine.dtype))
            # MONAI Label cannot log a plain tensor.
            out[key] = MetaTensor(votes, affine=out[key].affine.cpu() @ thinned)
            out[self.ref_key] = _with_shape(out[self.ref_key], out[key].shape[1:])
        return out


def _with_shape(image: MetaTensor, shape: Sequence[int]) -> MetaTensor:
    meta = {key: value for key, value in image.meta.items() if key != "affine"}
    affine = torch.as_tensor(image.affine)
    return MetaTensor(image.as_tensor(), affine=affine, meta={**meta, "spatial_shape": np.asarray(shape)})

"""Random left-right flips that exchange the labels of paired organs."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import nibabel as nib
import numpy as np
from monai.config import KeysCollection
from monai.transforms import Flip, MapTransform, RandomizableTransform
from monai.utils import ensure_tuple
from numpy.typing import ArrayLike
from torch import Tensor

from swinx.labels import FLARE23, LabelSet

__all__ = ["RandLeftRightFlipd", "left_right_axis", "swap_entries", "swap_labels"]


def swap_labels(labels: Tensor, pairs: Iterable[tuple[int, int]]) -> Tensor:
    """Exchange the two classes of each pair; other values, 255 included, stay.

    Args:
        labels: Label map of any shape and dtype.
        pairs: Pairs of class ids, each id in at most one pair.

    Returns:
        A new label map with the shape, dtype and device of ``labels``.

    Examples:
        >>> import torch
        >>> swap_labels(torch.tensor([0, 2, 13, 255]), [(2, 13)]).tolist()
        [0, 13, 2, 255]
    """
    result = labels.clone()
    for first, second in pairs:
        result[labels == int(first)] = int(second)
        result[labels == int(second)] = int(first)
    return result


def swap_entries(values: Tensor, pairs: Iterable[tuple[int, int]]) -> Tensor:
    """Exchange the entries of each pair of classes, as :func:`swap_labels` does for voxels.

    Args:
        values: One value per class, ``(..., K)``.
        pairs: Pairs of class ids below ``K``, each id in at most one pair.

    Returns:
        A new tensor with the shape, dtype and device of ``values``.

    Examples:
        >>> import torch
        >>> swap_entries(torch.tensor([1.0, 0.5, 0.0]), [(1, 2)]).tolist()
        [1.0, 0.0, 0.5]
    """
    result = values.clone()
    for first, second in pairs:
        result[..., int(first)], result[..., int(second)] = values[..., int(second)], values[..., int(first)]
    return result


def left_right_axis(affine: ArrayLike) -> int:
    """Return the array axis (0, 1 or 2) that runs closest to the patient's left-right line.

    Args:
        affine: Voxel to RAS world matrix, ``(4, 4)``.
    """
    orientation = nib.io_orientation(np.asarray(affine, dtype=np.float64))
    return int(np.flatnonzero(orientation[:, 0] == 0)[0])


class RandLeftRightFlipd(RandomizableTransform, MapTransform):
    """Random flip of image and label along the patient's left-right axis.

    After a mirror the right kidney lies on the left: with ``swap_pairs`` its voxels
    become left kidney, so that the network learns sides from position. The paper flips
    without swapping; ``swap_pairs=False`` does the same.

    What is known about a class moves with it: where only the right kidney was annotated, only the left one is in
    the mirrored scan.

    Args:
        keys: Volumes to mirror together, ``(C, X, Y, Z)``.
        label_keys: Those of ``keys`` that hold label maps.
        prob: Probability of a mirror, in [0, 1].
        swap_pairs: Exchange the paired classes of the label set in mirrored label maps.
        per_class_keys: Items with one value per class, ``(K,)``, such as the class weights of
            :class:`swinx.training.AnnotatedClassesd`; exchanged where the classes are. Other items than ``keys``.
        label_set: The classes, such as right and left kidney, of which each knows its partner.
    """

    def __init__(
        self,
        keys: KeysCollection,
        label_keys: KeysCollection = "label",
        prob: float = 0.5,
        swap_pairs: bool = True,
        per_class_keys: KeysCollection = (),
        label_set: LabelSet = FLARE23,
    ) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, prob)
        self.label_keys = set(ensure_tuple(label_keys))
        self.per_class_keys = tuple(ensure_tuple(per_class_keys))
        self.swap_pairs = swap_pairs
        self.pairs = label_set.pairs

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data``, mirrored or not."""
        out = dict(data)
        self.randomize(None)
        if not self._do_transform:
            return out
        for key in self.key_iterator(out):
            axis = left_right_axis(np.asarray(out[key].affine, dtype=np.float64)) if hasattr(out[key], "affine") else 0
            flipped = Flip(spatial_axis=axis)(out[key])
            out[key] = swap_labels(flipped, self.pairs) if self.swap_pairs and key in self.label_keys else flipped
        for key in self.per_class_keys if self.swap_pairs else ():
            out[key] = swap_entries(out[key], self.pairs)
        return out

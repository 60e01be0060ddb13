"""Random left-right flips that exchange the labels of paired organs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import Flip, MapTransform, RandomizableTransform
from monai.utils import ensure_tuple

from swinx.labels import FLARE23, LabelSet
from swinx.training.side_pairs import left_right_axis, swap_entries, swap_labels

__all__ = ["RandLeftRightFlipd"]


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
        swap_pairs: Exchange the classes of ``pairs`` in mirrored label maps.
        pairs: Pairs of class ids; by default those of the label set.
        allow_missing_keys: Skip an absent key instead of raising ``KeyError``.
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
        pairs: Sequence[tuple[int, int]] | None = None,
        allow_missing_keys: bool = False,
        per_class_keys: KeysCollection = (),
        label_set: LabelSet = FLARE23,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self.label_keys = set(ensure_tuple(label_keys))
        self.per_class_keys = tuple(ensure_tuple(per_class_keys))
        self.swap_pairs = swap_pairs
        self.pairs = tuple((int(a), int(b)) for a, b in (label_set.pairs if pairs is None else pairs))

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
            if key in out or not self.allow_missing_keys:
                out[key] = swap_entries(out[key], self.pairs)
        return out

"""Class weights of an item, as a tensor that can be batched."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.transforms import Transform

from swinx.labels import FLARE23, LabelSet
from swinx.training.partial.partial_labels import class_weights

__all__ = ["AnnotatedClassesd"]


class AnnotatedClassesd(Transform):
    """Transform that adds the weight of each class in a case.

    See :func:`swinx.training.partial.partial_labels.class_weights`.
    The lists that it reads stay in the item; they differ in length, so drop them before items are batched.

    Args:
        output_key: Item to add: float32 ``(K,)``.
        annotated_key: Item with the ids of the classes whose annotation is complete; absent or None if they
            are not recorded, which is taken as all of them.
        pseudo_key: Item with the ids of the classes whose labels a network completed; may be absent.
        pseudo_weight: Weight of these in [0, 1], where that of an annotated class is 1.
        enabled: False takes every label as completely annotated, whatever the item says.
        num_classes: Number of classes ``K``, with background; by default that of the label set.
        label_set: The classes.

    Raises:
        ValueError: If ``pseudo_weight`` is out of range.
    """

    def __init__(
        self,
        output_key: str = "class_weights",
        annotated_key: str = "annotated",
        pseudo_key: str = "pseudo",
        pseudo_weight: float = 1.0,
        enabled: bool = True,
        num_classes: int | None = None,
        label_set: LabelSet = FLARE23,
    ) -> None:
        if not 0 <= pseudo_weight <= 1:
            raise ValueError(f"pseudo_weight must be in [0, 1], not {pseudo_weight}")
        self.output_key = output_key
        self.annotated_key = annotated_key
        self.pseudo_key = pseudo_key
        self.pseudo_weight = pseudo_weight
        self.enabled = enabled
        self.num_classes = label_set.num_classes if num_classes is None else num_classes

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with the weights.

        Raises:
            ValueError: If the item lists an id that is no class.
        """
        weights = torch.ones(self.num_classes)
        if self.enabled:
            annotated, pseudo = data.get(self.annotated_key), data.get(self.pseudo_key)
            weights = class_weights(annotated, pseudo, self.pseudo_weight, self.num_classes)
        return {**data, self.output_key: weights}

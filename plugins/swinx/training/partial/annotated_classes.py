"""Annotated classes of the cases of a training, and their weights as a tensor that can be batched."""

from __future__ import annotations

import logging
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.transforms import Transform
from torch import Tensor

from swinx.labels import FLARE23, LabelSet
from swinx.rules import ListRules

__all__ = ["AnnotatedClassesd", "class_weights", "take_as_absent"]


def class_weights(
    annotated: Collection[int] | None,
    pseudo: Collection[int] | None = None,
    pseudo_weight: float = 1.0,
    label_set: LabelSet = FLARE23,
) -> Tensor:
    """Return the weight of each class.

    Args:
        annotated: Ids of the classes whose annotation is complete; None if they are not recorded, which is taken as
            all of them.
        pseudo: Ids of the classes whose labels a network completed. A class in both collections counts as one of
            these.
        pseudo_weight: Weight of ``pseudo``, in [0, 1]; 0 is the same as unannotated.
        label_set: The classes, ``K`` with background.

    Returns:
        Float32 ``(K,)``: 1 for background and annotated classes, 0 for classes of which nothing is known.

    Raises:
        ValueError: If an id is not in 1..K - 1, or the weight is out of range.

    Examples:
        >>> class_weights([1], pseudo=[3], pseudo_weight=0.5)[:5].tolist()
        [1.0, 1.0, 0.0, 0.5, 0.0]
    """
    if not 0 <= pseudo_weight <= 1:
        raise ValueError(f"pseudo_weight must be in [0, 1], not {pseudo_weight}")
    drawn = label_set.foreground if annotated is None else annotated
    weights = torch.zeros(label_set.num_classes)
    weights[0] = 1.0
    for name, ids, weight in (("annotated", drawn, 1.0), ("pseudo", pseudo or (), pseudo_weight)):
        for label in ids:
            if label not in label_set.foreground:
                raise ValueError(f"{name} holds {label!r}; class ids are 1..{len(label_set)}")
            weights[int(label)] = weight
    return weights


class AnnotatedClassesd(Transform):
    """Transform that adds ``class_weights``, float32 ``(K,)``, see :func:`class_weights`.

    It reads the lists ``annotated`` and ``pseudo`` of the item, both of which may be absent. They stay in the item;
    they differ in length, so drop them before items are batched.

    Args:
        pseudo_weight: Weight of a class whose labels a network completed, in [0, 1].
        enabled: False takes every label as completely annotated, whatever the item says.
        label_set: The classes.

    Raises:
        ValueError: If ``pseudo_weight`` is out of range.
    """

    def __init__(self, pseudo_weight: float = 1.0, enabled: bool = True, label_set: LabelSet = FLARE23) -> None:
        self.pseudo_weight = pseudo_weight
        self.enabled = enabled
        self.label_set = label_set
        class_weights(None, None, pseudo_weight, label_set)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with the weights.

        Raises:
            ValueError: If the item lists an id that is no class.
        """
        lists = (data.get("annotated"), data.get("pseudo")) if self.enabled else (None, None)
        return {**data, "class_weights": class_weights(*lists, self.pseudo_weight, self.label_set)}


_logger = logging.getLogger(__name__)


def take_as_absent(items: Sequence[Mapping[str, Any]], label_set: LabelSet = FLARE23) -> list[dict[str, Any]]:
    """Mark classes that are annotated in no case as annotated, and so as absent, in all.

    A loss for partial labels leaves a class free wherever it is not annotated. Were that everywhere, the network could
    call all background by that class at no cost. A warning names these classes.

    Args:
        items: Cases, with ``annotated`` (class ids); without it all classes count as annotated in the case.
        label_set: The classes.

    Returns:
        Copies of the cases; those without ``annotated`` unchanged, the others with the ids of these classes in
        ``absent``, too.
    """
    found: set[int] = set()
    for item in items:
        found |= set(label_set.foreground if item.get("annotated") is None else item["annotated"])
    nowhere = sorted(set(label_set.foreground) - found)
    if not nowhere or not items:
        return [dict(item) for item in items]
    _logger.warning("%s", ListRules.ABSENT.says(classes=label_set.listed(nowhere)))
    return [{**item, "annotated": sorted({*item["annotated"], *nowhere}), "absent": nowhere} for item in items]

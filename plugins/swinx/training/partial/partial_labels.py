"""Partial label maps: weights of classes, centres of patches, voxels to score."""

from __future__ import annotations

from collections.abc import Collection

import torch
from monai.transforms.utils import map_binary_to_indices
from torch import Tensor

from swinx.labels import FLARE23, UNKNOWN

__all__ = ["class_weights", "find_crop_centres", "mask_unannotated"]


def class_weights(
    annotated: Collection[int] | None,
    pseudo: Collection[int] | None = None,
    pseudo_weight: float = 1.0,
    num_classes: int = FLARE23.num_classes,
) -> Tensor:
    """Return the weight of each class.

    Args:
        annotated: Ids of the classes whose annotation is complete; None if they are not recorded, which is taken as
            all of them.
        pseudo: Ids of the classes whose labels a network completed. A class in both collections counts as one of
            these.
        pseudo_weight: Weight of ``pseudo``, in [0, 1]; 0 is the same as unannotated.
        num_classes: Number of classes ``K``, with background.

    Returns:
        Float32 ``(K,)``: 1 for background and annotated classes, 0 for classes of which nothing is known.

    Raises:
        ValueError: If an id is not in 1..K - 1, or the weight is out of range.

    Examples:
        >>> class_weights([1], pseudo=[3], pseudo_weight=0.5, num_classes=5).tolist()
        [1.0, 1.0, 0.0, 0.5, 0.0]
    """
    if not 0 <= pseudo_weight <= 1:
        raise ValueError(f"pseudo_weight must be in [0, 1], not {pseudo_weight}")
    drawn = range(1, num_classes) if annotated is None else annotated
    weights = torch.zeros(num_classes)
    weights[0] = 1.0
    for name, ids, weight in (("annotated", drawn, 1.0), ("pseudo", pseudo or (), pseudo_weight)):
        for label in ids:
            if not 1 <= label < num_classes:
                raise ValueError(f"{name} holds {label!r}; class ids are 1..{num_classes - 1}")
            weights[int(label)] = weight
    return weights


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


def mask_unannotated(prediction: Tensor, label: Tensor, class_weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return both label maps with background in place of what cannot be scored.

    A class that is not annotated disappears from ``label``, so that a metric that leaves absent classes out leaves
    it out. Unknown voxels become background in both maps: neither hits nor misses. Nothing changes where all is
    annotated.

    Args:
        prediction: Class ids, ``(1, ...)``.
        label: Class ids, same shape.
        class_weights: ``(K,)``; 0 marks an unannotated class.

    Raises:
        ValueError: If the two maps differ in shape.

    Examples:
        >>> prediction, label = torch.tensor([[1, 2, 2, 1]]), torch.tensor([[1, 2, 0, 255]])
        >>> [x.tolist() for x in mask_unannotated(prediction, label, torch.tensor([1.0, 1.0, 0.0]))]
        [[[1, 2, 2, 0]], [[1, 0, 0, 0]]]
    """
    if prediction.shape != label.shape:
        raise ValueError(f"prediction {tuple(prediction.shape)} and label {tuple(label.shape)} differ in shape")
    unknown = label == UNKNOWN
    unannotated = torch.nonzero(class_weights == 0).flatten().to(label)
    blank = unknown | torch.isin(label, unannotated)
    return prediction.masked_fill(unknown.to(prediction.device), 0), label.masked_fill(blank, 0)

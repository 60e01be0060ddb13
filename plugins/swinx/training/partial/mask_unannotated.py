"""Label maps as the metrics of a validation take them: without what cannot be scored, or without lesions."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.handlers import from_engine
from monai.transforms import MapTransform
from torch import Tensor

from swinx.labels import UNKNOWN, LabelSet

__all__ = ["MaskUnannotatedd", "mask_unannotated", "organ_labels"]


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


class MaskUnannotatedd(MapTransform):
    """Transform around :func:`mask_unannotated`, for metrics that skip absent classes.

    As ``postprocessing`` of a MONAI evaluator it sees ``label`` and ``class_weights``, of
    :class:`swinx.training.AnnotatedClassesd`, beside the prediction.

    Args:
        keys: The predicted label map, ``(1, X, Y, Z)``.

    Raises:
        ValueError: If there is more than one key, since each would mask the label again.
    """

    def __init__(self, keys: KeysCollection = "pred") -> None:
        super().__init__(keys)
        if len(self.keys) != 1:
            raise ValueError(f"one prediction is masked together with its label; got the keys {self.keys}")

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with both maps masked.

        Raises:
            ValueError: If the two maps differ in shape.
        """
        key = self.keys[0]
        prediction, label = mask_unannotated(data[key], data["label"], data["class_weights"])
        return {**data, key: prediction, "label": label}


_Lists = tuple[list[Tensor], list[Tensor]]


def organ_labels(label_set: LabelSet) -> Callable[[Any], _Lists]:
    """Return the ``output_transform`` of a metric that is a mean over organs.

    The Dice of small lesions varies from epoch to epoch more than that of all organs together, so lesions become
    background in prediction and label, and count as absent. A label set of lesions alone keeps them.

    Args:
        label_set: The classes of the network.

    Returns:
        Function of an engine's output: the label maps under ``"pred"`` and ``"label"``, as lists.
    """
    pair = from_engine(["pred", "label"])
    lesions = label_set.lesions if label_set.organs else ()

    def without_lesions(output: Any) -> _Lists:
        preds, labels = pair(output)
        return [_cleared(one, lesions) for one in preds], [_cleared(one, lesions) for one in labels]

    return without_lesions


def _cleared(labels: Tensor, lesions: tuple[int, ...]) -> Tensor:
    """Return a label map in which some classes are background; the map itself if there are none."""
    if not lesions:
        return labels
    inside = torch.isin(labels, torch.tensor(lesions, dtype=labels.dtype, device=labels.device))
    return labels.masked_fill(inside, 0)

"""Label maps for the metric that decides on the best epoch: organs without lesions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from monai.handlers import from_engine
from torch import Tensor

from swinx.labels import LabelSet

__all__ = ["organ_labels"]

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

"""Class scores as the last step: features are blended in place of scores where there are fewer of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, cast

import torch
from torch import Tensor

__all__ = ["Readout", "best_classes", "class_probabilities"]

_CHUNK_BYTES = 2**25


class Readout(NamedTuple):
    """A convolution of one voxel, from features to class scores.

    It is linear: scores of blended features are blended scores. So however many classes there are, no more than the
    features need be held.

    Attributes:
        weight: ``(classes, features)``.
        bias: ``(classes,)``.
    """

    weight: Tensor
    bias: Tensor

    def scores(self, features: Tensor, first: int = 0, stop: int | None = None) -> Tensor:
        """Return scores ``(n, ...)`` of features ``(F, ...)``, of all classes or of some in a row, single precision."""
        weight, bias = (part[first:stop].to(features.device) for part in self)
        with torch.autocast(features.device.type, enabled=False):
            found = torch.tensordot(weight, features.float(), dims=1)
            return cast(Tensor, found.add_(bias.view(-1, *[1] * (features.ndim - 1))))


def best_classes(blended: Tensor, weights: Tensor | None = None, readout: Readout | None = None) -> Tensor:
    """Return the class with the largest score for each voxel; the first of several.

    Args:
        blended: Weighted sums of scores, ``(classes, X, Y, Z)``, or, with ``readout``, of features ``(F, X, Y, Z)``.
        weights: Sums of their weights, ``(X, Y, Z)``; by default 1. Scores do without, since it is the same for all.
        readout: What makes scores of features.

    Returns:
        Labels, int64, ``(X, Y, Z)``.
    """
    if readout is None:
        return blended.argmax(dim=0)
    labels = torch.empty(blended.shape[1:], dtype=torch.int64, device=blended.device)
    step = max(_CHUNK_BYTES // (4 * len(readout.bias) * max(labels[:1].numel(), 1)), 1)
    for first in range(0, len(labels), step):
        features = blended[:, first : first + step].float()
        if weights is not None:
            features = features / weights[first : first + step].float()
        labels[first : first + step] = readout.scores(features).argmax(dim=0)
    return labels


def class_probabilities(means: Tensor, readout: Readout | None = None) -> Iterator[Tensor]:
    """Yield the probabilities of all classes, single precision, some classes at a time.

    Args:
        means: Weighted means of scores, ``(classes, ...)``, which come at once; or, with ``readout``, of features ``(F,
            ...)``, and then as many classes at a time as there are features.
        readout: What makes scores of features.
    """
    if readout is None:
        yield torch.softmax(means.float(), dim=0)
        return
    firsts = range(0, len(readout.bias), len(means))
    total = means.new_full(means.shape[1:], -torch.inf, dtype=torch.float32)
    for first in firsts:
        total = torch.logaddexp(total, readout.scores(means, first, first + len(means)).logsumexp(dim=0))
    for first in firsts:
        yield readout.scores(means, first, first + len(means)).sub_(total).exp_()

"""Output layer as the last step: features are blended instead of logits if there are fewer of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, cast

import torch
from torch import Tensor

__all__ = ["OutputLayer", "class_probabilities"]


class OutputLayer(NamedTuple):
    """A convolution of one voxel, from features to logits.

    It is linear: logits of blended features are blended logits. However many classes there are, only the features
    are held.

    Attributes:
        weight: ``(classes, features)``.
        bias: ``(classes,)``.
    """

    weight: Tensor
    bias: Tensor

    def logits(self, features: Tensor, first: int = 0, stop: int | None = None) -> Tensor:
        """Return logits ``(n, ...)`` of features ``(F, ...)``, of all or of consecutive classes, as float32."""
        weight, bias = (part[first:stop].to(features.device) for part in self)
        with torch.autocast(features.device.type, enabled=False):
            found = torch.tensordot(weight, features.float(), dims=1)
            return cast(Tensor, found.add_(bias.view(-1, *[1] * (features.ndim - 1))))


def class_probabilities(means: Tensor, output_layer: OutputLayer | None = None) -> Iterator[Tensor]:
    """Yield the probabilities of all classes, single precision, some classes at a time.

    Args:
        means: Weighted means of logits, ``(classes, ...)``, whose probabilities come at once; or, with an output
            layer, of features ``(F, ...)``, and then as many classes at a time as there are features.
        output_layer: Layer that makes logits of features.
    """
    if output_layer is None:
        yield torch.softmax(means.float(), dim=0)
        return
    firsts = range(0, len(output_layer.bias), len(means))
    total = means.new_full(means.shape[1:], -torch.inf, dtype=torch.float32)
    for first in firsts:
        total = torch.logaddexp(total, output_layer.logits(means, first, first + len(means)).logsumexp(dim=0))
    for first in firsts:
        yield output_layer.logits(means, first, first + len(means)).sub_(total).exp_()

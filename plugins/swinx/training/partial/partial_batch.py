"""Batches of partial labels with their class weights, for the loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from monai.utils import CommonKeys
from torch import Tensor

from swinx.training.partial.partial_dice_ce import PartialTarget

__all__ = ["prepare_partial_batch"]

_VOLUMES = (CommonKeys.IMAGE, CommonKeys.LABEL)
_WEIGHTS = "class_weights"


def prepare_partial_batch(
    batch: Mapping[str, Any], device: torch.device | str | None = None, non_blocking: bool = False, **kwargs: Any
) -> tuple[Tensor, PartialTarget]:
    """Return image and target of a batch, for ``prepare_batch`` of MONAI's ``SupervisedTrainer``.

    Args:
        batch: ``image`` ``(B, C, D, H, W)``, ``label`` ``(B, 1, D, H, W)`` and ``class_weights`` ``(B, K)``.
        device: Where to put them.
        non_blocking: Copy asynchronously if possible.
        kwargs: More arguments of ``Tensor.to`` for image and label.

    Returns:
        The image, and the target of :class:`swinx.training.PartialDiceCELoss`.

    Raises:
        KeyError: If one of the three is missing; the message says which transform makes the weights.
    """
    missing = [key for key in (*_VOLUMES, _WEIGHTS) if key not in batch]
    if missing:
        raise KeyError(f"{', '.join(missing)} missing from the batch; AnnotatedClassesd makes {_WEIGHTS}")
    image, label = (batch[key].to(device=device, non_blocking=non_blocking, **kwargs) for key in _VOLUMES)
    return image, PartialTarget(label, batch[_WEIGHTS].to(device=device, non_blocking=non_blocking))

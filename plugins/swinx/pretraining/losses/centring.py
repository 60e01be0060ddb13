"""Centre of the teacher's logits, which keeps its output from collapsing onto one prototype."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["TeacherCentre"]


class TeacherCentre(nn.Module):
    """Running mean of the teacher's logits over all processes.

    The losses read :attr:`centre`; :meth:`update` is called once after each step, by the trainer.

    Args:
        dim: Size ``K`` of the logits.
        momentum: Weight of the old centre in an update, in [0, 1).

    Attributes:
        centre: Buffer ``(1, 1, K)``, zero at first.

    Raises:
        ValueError: If ``momentum`` is out of range.

    Reference:
        DINO, https://arxiv.org/abs/2104.14294, eq. 4.
    """

    centre: Tensor

    def __init__(self, dim: int, momentum: float = 0.9) -> None:
        super().__init__()
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), not {momentum}")
        self.momentum = momentum
        self.register_buffer("centre", torch.zeros(1, 1, dim))

    @torch.no_grad()
    def update(self, logits: Tensor) -> None:
        """Move towards the mean of the logits of all processes, unless that is not finite.

        The gradient scaler skips a step that overflows in half precision; the centre skips it as well.

        Args:
            logits: Teacher's logits of this process, ``(..., K)``; equally many on every process.

        Raises:
            ValueError: If the last dimension is not ``K``.
        """
        if logits.shape[-1] != self.centre.shape[-1]:
            raise ValueError(f"logits {tuple(logits.shape)} do not end in the centre's size {self.centre.shape[-1]}")
        mean = logits.detach().to(self.centre.dtype).flatten(0, -2).mean(dim=0)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(mean)
            mean = mean / torch.distributed.get_world_size()
        moved = self.momentum * self.centre + (1 - self.momentum) * mean.view_as(self.centre)
        self.centre.copy_(torch.where(mean.isfinite().all(), moved, self.centre))

"""Self-distillation of tokens: cross-entropy of the teacher's and the student's distributions, and the centre."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, softmax

__all__ = ["ImageTokenDistillationLoss", "PatchTokenDistillationLoss", "TeacherCentre", "teacher_targets"]


def teacher_targets(logits: Tensor, centre: Tensor, temperature: float) -> Tensor:
    """Return the target distributions of the student, without gradient.

    Args:
        logits: Teacher's logits, ``(..., K)``.
        centre: Running mean of the teacher's logits, broadcastable to ``logits``.
        temperature: Teacher's temperature, above 0.

    Returns:
        ``softmax((logits - centre) / temperature)``, the shape of ``logits``.
    """
    return softmax((logits.detach() - centre) / temperature, dim=-1)


def _positive(temperature: float) -> float:
    if not temperature > 0:
        raise ValueError(f"student_temperature must be above 0, not {temperature}")
    return temperature


def _cross_entropy(targets: Tensor, student_logits: Tensor, temperature: float) -> Tensor:
    return -(targets * log_softmax(student_logits / temperature, dim=-1)).sum(dim=-1)


class PatchTokenDistillationLoss(nn.Module):
    """Masked patch distillation (MPD): cross-entropy on the tokens masked for the student, within a view.

    The mean is taken over the masked tokens of each view, each weighted by its masked share, then over the views.

    Args:
        student_temperature: Paper symbol tau_s, above 0.

    Raises:
        ValueError: If the temperature is not above 0.

    Reference:
        SMIT, https://arxiv.org/abs/2205.10342, eq. 2; iBOT, https://arxiv.org/abs/2111.07832, eq. 3.
    """

    def __init__(self, student_temperature: float = 0.1) -> None:
        super().__init__()
        self.student_temperature = _positive(student_temperature)

    def forward(
        self, student: Tensor, teacher: Tensor, centre: Tensor, teacher_temperature: float, mask: Tensor
    ) -> Tensor:
        """Return a scalar; a view without masked tokens counts as zero.

        Args:
            student: Logits of the masked views, ``(2B, N, K)``.
            teacher: Logits of the same, unmasked views in the same order, same shape.
            centre: Centre of the teacher's patch tokens, ``(1, 1, K)``.
            teacher_temperature: Temperature of the epoch.
            mask: Masked share of each token, 1 where all of it was masked, ``(2B, N)`` or ``(2B, d, h, w)`` with
                ``d h w = N``.

        Raises:
            ValueError: If the shapes do not fit together.
        """
        masked = mask.flatten(1)
        if student.shape != teacher.shape or masked.shape != student.shape[:2]:
            raise ValueError(
                f"student {tuple(student.shape)}, teacher {tuple(teacher.shape)} and mask {tuple(mask.shape)} "
                "do not fit together"
            )
        masked = masked.to(student.dtype)
        targets = teacher_targets(teacher, centre, teacher_temperature)
        loss = _cross_entropy(targets, student, self.student_temperature)
        return ((loss * masked).sum(dim=1) / masked.sum(dim=1).clamp(min=1.0)).mean()


class ImageTokenDistillationLoss(nn.Module):
    """Image token distillation (ITD): cross-entropy between the image tokens of the two views of a scan.

    Args:
        student_temperature: Paper symbol tau_s, above 0.

    Raises:
        ValueError: If the temperature is not above 0.

    Reference:
        SMIT, https://arxiv.org/abs/2205.10342, eq. 3; DINO, https://arxiv.org/abs/2104.14294, eq. 3.
    """

    def __init__(self, student_temperature: float = 0.1) -> None:
        super().__init__()
        self.student_temperature = _positive(student_temperature)

    def forward(self, student: Tensor, teacher: Tensor, centre: Tensor, teacher_temperature: float) -> Tensor:
        """Return a scalar.

        Args:
            student: Logits of the image tokens, ``(2B, 1, K)`` or ``(2B, K)``: B first views, then the
                B second views of the same scans.
            teacher: Teacher's logits in the same order, same shape.
            centre: Centre of the teacher's image tokens, broadcastable, e.g. ``(1, 1, K)``.
            teacher_temperature: Temperature of the epoch.

        Raises:
            ValueError: If the shapes differ, or the number of views is odd.
        """
        if student.shape != teacher.shape or student.shape[0] % 2:
            raise ValueError(
                f"student {tuple(student.shape)} and teacher {tuple(teacher.shape)} must have one shape, "
                "two views of each scan"
            )
        targets = teacher_targets(teacher, centre, teacher_temperature)
        other_view = student.roll(student.shape[0] // 2, dims=0)
        return _cross_entropy(targets, other_view, self.student_temperature).mean()


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

"""Masked image prediction, and the weighted sum of the three losses of SMIT."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from swinx.pretraining.masking import enlarge_blocks
from swinx.pretraining.schedules import Temperatures
from swinx.pretraining.smit_network import SmitOutput
from swinx.pretraining.token_distillation import (
    ImageTokenDistillationLoss,
    PatchTokenDistillationLoss,
    TeacherCentre,
)

__all__ = ["MaskedPredictionLoss", "SmitLoss", "SmitTerms"]


class SmitTerms(NamedTuple):
    """Scalar terms of the loss; ``total`` is the weighted sum of the others, which are unweighted."""

    total: Tensor
    masked_prediction: Tensor
    patch_distillation: Tensor
    image_distillation: Tensor


class MaskedPredictionLoss(nn.Module):
    r"""Mean absolute error over masked voxels.

    .. math:: \mathcal{L}_{MIP} = \frac{\sum_v m_v\,|\hat{x}_v - x_v|}{\max(1, \sum_v m_v)}

    Reference:
        Jiang et al., "Self-supervised 3D anatomy segmentation using self-distilled masked image
        transformer (SMIT)", MICCAI 2022, https://arxiv.org/abs/2205.10342.
    """

    def forward(self, prediction: Tensor, image: Tensor, mask: Tensor) -> Tensor:
        """Return a scalar; zero, with zero gradient, if nothing is masked.

        Args:
            prediction: Reconstructed intensities, ``(B, C, D, H, W)``.
            image: Clean intensities, same shape.
            mask: 1 where a voxel was masked, else 0; broadcastable to ``image``.

        Raises:
            ValueError: If ``prediction`` and ``image`` differ in shape.
        """
        if prediction.shape != image.shape:
            raise ValueError(f"prediction {tuple(prediction.shape)} and image {tuple(image.shape)} differ in shape")
        masked = mask.to(prediction.dtype).expand_as(prediction)
        return ((prediction - image).abs() * masked).sum() / masked.sum().clamp(min=1.0)


class SmitLoss(nn.Module):
    """Sum of masked image prediction, masked patch distillation and image token distillation.

    Holds the teacher's two centres as buffers, so that they are saved with the state dictionary and move with
    ``to()``. ``forward`` only reads them; :meth:`update_centres` is called once
    after each step, by the trainer.

    Args:
        out_dim: Prototypes ``K`` of the heads.
        masked_prediction_weight: Weight of the reconstruction.
        patch_weight: Weight of the masked patch distillation.
        image_weight: Weight of the image token distillation.
        student_temperature: Paper symbol tau_s.
        centre_momentum: Weight of the old centres in an update.

    Raises:
        ValueError: If a setting is out of range.

    Reference:
        SMIT, https://arxiv.org/abs/2205.10342, eq. 1 to 3.
    """

    def __init__(
        self,
        out_dim: int = 8192,
        masked_prediction_weight: float = 1.0,
        patch_weight: float = 0.1,
        image_weight: float = 0.1,
        student_temperature: float = 0.1,
        centre_momentum: float = 0.9,
    ) -> None:
        super().__init__()
        if out_dim < 1 or not all(weight >= 0 for weight in (masked_prediction_weight, patch_weight, image_weight)):
            raise ValueError(
                f"out_dim {out_dim} must be 1 or more, and the weights {masked_prediction_weight}, {patch_weight} and "
                f"{image_weight} numbers from 0 up"
            )
        self.weights = (masked_prediction_weight, patch_weight, image_weight)
        self.masked_prediction = MaskedPredictionLoss()
        self.patch_distillation = PatchTokenDistillationLoss(student_temperature)
        self.image_distillation = ImageTokenDistillationLoss(student_temperature)
        self.patch_centre = TeacherCentre(out_dim, centre_momentum)
        self.image_centre = TeacherCentre(out_dim, centre_momentum)

    def forward(
        self, student: SmitOutput, teacher: SmitOutput, views: Tensor, mask: Tensor, temperatures: Temperatures
    ) -> SmitTerms:
        """Return the loss and its terms.

        Args:
            student: Output for the masked views, the ``B`` first views before the ``B`` second ones.
            teacher: Output for the same views, unmasked, in the same order.
            views: The clean views, ``(2B, C, D, H, W)``.
            mask: 1 where a block was masked, ``(2B, 1, d, h, w)``.
            temperatures: The teacher's temperatures.

        Raises:
            ValueError: If the student did not reconstruct, or shapes do not fit together.
        """
        if student.reconstruction is None:
            raise ValueError("the student has no reconstruction to compare with the views")
        terms = (
            self.masked_prediction(student.reconstruction.float(), views, enlarge_blocks(mask, views.shape[2:])),
            self.patch_distillation(
                student.patch_logits,
                teacher.patch_logits,
                self.patch_centre.centre,
                temperatures.patch,
                student.token_mask,
            ),
            self.image_distillation(
                student.image_logits, teacher.image_logits, self.image_centre.centre, temperatures.image
            ),
        )
        total = torch.stack([weight * term for weight, term in zip(self.weights, terms, strict=True)]).sum()
        return SmitTerms(total, *terms)

    def update_centres(self, teacher: SmitOutput) -> None:
        """Move both centres towards the teacher's logits of a step, over all processes."""
        self.patch_centre.update(teacher.patch_logits)
        self.image_centre.update(teacher.image_logits)

"""Masked image prediction: reconstruction of the masked voxels."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["MaskedPredictionLoss"]


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

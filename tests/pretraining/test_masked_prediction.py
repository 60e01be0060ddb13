"""MaskedPredictionLoss: only hidden voxels count."""

from __future__ import annotations

import pytest
import torch

from swinx.pretraining import MaskedPredictionLoss


@pytest.fixture
def volumes() -> tuple[torch.Tensor, torch.Tensor]:
    prediction, image = torch.rand(2, 2, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return prediction, image


def test_all_hidden_is_the_mean_absolute_error(volumes):
    prediction, image = volumes
    loss = MaskedPredictionLoss()(prediction, image, torch.ones_like(image))
    torch.testing.assert_close(loss, (prediction - image).abs().mean())


def test_visible_voxels_get_no_gradient(volumes):
    prediction, image = volumes
    prediction.requires_grad_()
    mask = torch.zeros_like(image)
    mask[..., :2] = 1
    MaskedPredictionLoss()(prediction, image, mask).backward()
    assert prediction.grad is not None
    assert prediction.grad[..., 2:].abs().max() == 0
    assert prediction.grad[..., :2].abs().min() > 0


def test_nothing_hidden_is_zero_not_nan(volumes):
    prediction, image = volumes
    assert MaskedPredictionLoss()(prediction, image, torch.zeros_like(image)) == 0


def test_other_shapes_are_refused(volumes):
    prediction, image = volumes
    with pytest.raises(ValueError, match="differ in shape"):
        MaskedPredictionLoss()(prediction[..., :3], image, torch.ones(1))

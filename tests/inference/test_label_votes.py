"""Samples of labels become votes; results stay labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from support.geometry import oblique_affine
from swinx.inference import LABEL_SAMPLE, LabelVotesd, RestoreLabelsd, SlidingWindowLabelInferer
from swinx.inference.vote_count import one_hot_votes, thinning_stride
from swinx.networks import SwinXSeg
from swinx.preprocessing import CTPreprocessingd


@pytest.fixture
def image() -> MetaTensor:
    hu = torch.from_numpy(np.random.default_rng(0).normal(0, 60, (1, 40, 36, 20))).float()
    scan = MetaTensor(hu, affine=torch.as_tensor(oblique_affine("LPS")))
    return CTPreprocessingd(keys="image", pixdim=(4.0, 4.0, 4.0))({"image": scan})["image"]


def segment(image: MetaTensor, network: torch.nn.Module) -> dict:
    inferer = SlidingWindowLabelInferer((32, 32, 32), sample_dropout=True)
    data = {"image": image, "pred": inferer(image[None], network)[0]}
    return LabelVotesd("pred", max_voxels=5000)(RestoreLabelsd("pred")(data))


def network(dropout: float = 0.3) -> SwinXSeg:
    torch.manual_seed(0)
    return SwinXSeg(embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=4, dropout=dropout, drop_path_rate=0.0)


def test_a_network_in_training_mode_gives_votes_that_vary(image):
    shared = network().train()
    first, second = (segment(image, shared) for _ in range(2))
    votes = first["pred"]
    assert votes.dtype == torch.uint8
    assert np.sum(votes) == votes[0].numel(), "MONAI Label logs the sum, and stops if NumPy cannot take it"
    assert torch.equal(votes.sum(dim=0), torch.ones(votes.shape[1:], dtype=torch.uint8))
    assert not torch.equal(votes, second["pred"])


def test_monai_label_has_nothing_to_enlarge(image):
    data = segment(image, network().train())
    assert tuple(data["image"].meta["spatial_shape"]) == tuple(data["pred"].shape[1:])
    assert torch.equal(data["image"].affine, image.affine)
    stride = thinning_stride((40, 36, 20), 5000)
    assert torch.allclose(data["pred"].affine[:, :3], stride * data["image"].meta["original_affine"][:, :3])
    assert tuple(image.meta["spatial_shape"]) == (40, 36, 20)


def test_votes_are_the_labels_of_the_voxels_that_are_kept(image):
    data = segment(image, network(dropout=0.0).train())
    labels = segment(image, network(dropout=0.0).eval())["pred"][0]
    stride = thinning_stride(labels.shape, 5000)
    assert stride > 1
    assert torch.equal(data["pred"].argmax(dim=0), labels[::stride, ::stride, ::stride])


def test_a_network_in_evaluation_gives_labels_and_no_votes(image):
    data = segment(image, network().eval())
    assert tuple(data["pred"].shape) == (1, 40, 36, 20)
    assert LABEL_SAMPLE not in data["pred"].meta
    assert data["image"] is image


def test_without_the_wish_for_samples_training_mode_marks_nothing(image):
    class Plain(torch.nn.Module):
        def forward(self, window: torch.Tensor) -> torch.Tensor:
            return torch.cat([window, -window], dim=1)

    labels = SlidingWindowLabelInferer((32, 32, 32))(image[None], Plain().train())
    assert not isinstance(labels, MetaTensor)


def test_a_value_that_is_no_class_is_refused():
    with pytest.raises(ValueError, match="label 15 is none of the 15 classes"):
        one_hot_votes(torch.full((2, 2, 2), 15), 15)


def test_no_voxels_are_no_grid():
    with pytest.raises(ValueError, match="max_voxels must be 1 or more, not 0"):
        LabelVotesd("pred", max_voxels=0)

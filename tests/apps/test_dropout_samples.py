"""Samples by dropout: nothing else of a network's training mode is active, and labels become votes."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from support.bundles import ROOT
from support.geometry import oblique_affine
from support.inference import label_inferer
from swinx.networks import SwinXSeg
from swinx.preprocessing import CTPreprocessingd

_SPEC = importlib.util.spec_from_file_location(
    "dropout_samples", ROOT / "apps" / "monai_label" / "app" / "dropout_samples.py"
)
samples = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(samples)


def small(dropout: float = 0.3, drop_path_rate: float = 0.0) -> SwinXSeg:
    torch.manual_seed(0)
    return SwinXSeg(
        embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=4, dropout=dropout, drop_path_rate=drop_path_rate
    )


@pytest.fixture
def image() -> MetaTensor:
    hu = torch.from_numpy(np.random.default_rng(0).normal(0, 60, (1, 40, 36, 20))).float()
    scan = MetaTensor(hu, affine=torch.as_tensor(oblique_affine("LPS")))
    return CTPreprocessingd(keys="image", pixdim=(4.0, 4.0, 4.0))({"image": scan})["image"]


def sampled(image: MetaTensor, network: torch.nn.Module) -> dict:
    pred = samples.sampling(label_inferer((32, 32, 32)))(image[None], network)[0]
    return samples.label_votes({"image": image, "pred": pred}, max_voxels=5000)


def test_samples_differ_though_a_window_is_too_small_for_batch_norm_to_train():
    image = torch.rand(1, 1, 32, 32, 32)
    noisy = samples.with_active_dropout(small().train())
    with torch.no_grad():
        assert not torch.equal(noisy(image), noisy(image))


def test_stochastic_depth_is_active_too():
    noisy = samples.with_active_dropout(small(dropout=0.0, drop_path_rate=0.9).eval())
    image = torch.rand(1, 1, 32, 32, 32)
    with torch.no_grad():
        assert len({float(noisy(image).sum()) for _ in range(5)}) > 1


def test_the_network_itself_stays_as_it_is():
    network = small().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        samples.with_active_dropout(network)(torch.rand(1, 1, 32, 32, 32))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_without_rates_a_sample_is_the_result():
    network = small(dropout=0.0).eval()
    image = torch.rand(1, 1, 32, 32, 32)
    with torch.no_grad():
        assert torch.equal(samples.with_active_dropout(network)(image), network(image))


def test_votes_vary_and_are_one_at_each_voxel(image):
    network = small().train()
    first, second = (sampled(image, network)["pred"] for _ in range(2))
    assert first.dtype == torch.uint8
    assert np.sum(first) == first[0].numel(), "MONAI Label logs the sum, and stops if NumPy cannot take it"
    assert torch.equal(first.sum(dim=0), torch.ones(first.shape[1:], dtype=torch.uint8))
    assert not torch.equal(first, second)


def test_monai_label_has_nothing_to_enlarge(image):
    data = sampled(image, small().train())
    assert tuple(data["image"].meta["spatial_shape"]) == tuple(data["pred"].shape[1:])
    assert torch.equal(data["image"].affine, image.affine)
    stride = samples.thinning_stride((40, 36, 20), 5000)
    assert torch.allclose(data["pred"].affine[:, :3], stride * data["image"].meta["original_affine"][:, :3])
    assert tuple(image.meta["spatial_shape"]) == (40, 36, 20)


def test_votes_are_the_labels_of_the_voxels_that_are_kept(image):
    network = small(dropout=0.0)
    labels = label_inferer((32, 32, 32))(image[None], network.eval())[0, 0]
    votes = sampled(image, network.train())["pred"]
    stride = samples.thinning_stride(labels.shape, 5000)
    assert stride > 1
    assert torch.equal(votes.argmax(dim=0).as_tensor(), labels[::stride, ::stride, ::stride].as_tensor())


def test_a_value_that_is_no_class_is_refused():
    with pytest.raises(ValueError, match="label 15 is none of the 15 classes"):
        samples.one_hot_votes(torch.full((2, 2, 2), 15), 15)


def test_no_voxels_are_no_grid(image):
    with pytest.raises(ValueError, match="max_voxels must be 1 or more, not 0"):
        samples.label_votes({"image": image, "pred": image}, max_voxels=0)

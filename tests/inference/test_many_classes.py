"""However many classes there are, no more than the decoder's features is held, and the labels stay the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from support.geometry import oblique_affine
from swinx.inference import OpenVINOEngine, SlidingWindowLabelInferer, TorchEngine
from swinx.inference.windows import open_scores, slab_scores
from swinx.networks import SwinXSeg
from swinx.preprocessing import CTPreprocessingd

FEATURES = 5
ROI = (32, 32, 32)


@pytest.fixture
def build():
    def make(classes: int) -> SwinXSeg:
        """Return a network to which no class is much more likely than others."""
        torch.manual_seed(0)
        network = SwinXSeg(out_channels=classes, embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=FEATURES).eval()
        with torch.no_grad():
            network.out.conv.conv.weight *= 10
            scores = network(torch.rand(1, 1, 32, 32, 32))
            network.out.conv.conv.bias -= scores.mean(dim=(0, 2, 3, 4))
        return network

    return make


@pytest.fixture
def image():
    """What the network sees of an oblique, anisotropic scan."""
    affine = oblique_affine("PSR", spacing_mm=(2.0, 2.5, 4.0))
    scan = torch.randn((1, 30, 26, 24), generator=torch.Generator().manual_seed(1)) * 200
    meta = {"affine": torch.as_tensor(affine), "original_affine": affine, "spatial_shape": np.array(scan.shape[1:])}
    scan = MetaTensor(scan, affine=torch.as_tensor(affine), meta=meta)
    return CTPreprocessingd("image", pixdim=[1.5] * 3, body_crop=False)({"image": scan})["image"][None]


@pytest.mark.parametrize("restore", [False, True])
@pytest.mark.parametrize("classes", [FEATURES, FEATURES + 1, 23])
@pytest.mark.parametrize("engine", [TorchEngine, OpenVINOEngine])
def test_labels_are_those_of_the_network_as_it_is(engine, classes, restore, build, image):
    network = build(classes)
    expected = SlidingWindowLabelInferer(ROI, restore_scores=restore)(image, network)
    split = engine()
    assert (split(network, ROI).readout is not None) == (classes > FEATURES)
    found = SlidingWindowLabelInferer(ROI, restore_scores=restore, engine=split)(image, network)
    assert len(expected.unique()) > 0.8 * classes
    assert found.shape == expected.shape
    assert (found == expected).float().mean() > 0.9995


@pytest.mark.parametrize("restore", [False, True])
def test_a_margin_and_half_precision_change_little(restore, build, image):
    network = build(23)
    settings = {"margin": 0.25, "restore_scores": restore}
    expected = SlidingWindowLabelInferer(ROI, **settings)(image, network)
    found = SlidingWindowLabelInferer(ROI, engine=TorchEngine(), half_scores=True, **settings)(image, network)
    assert (found == expected).float().mean() > 0.98


@pytest.mark.parametrize("restore", [False, True])
def test_what_is_held_does_not_grow_beyond_the_features(restore, build, image, monkeypatch):
    held = []

    class OpenScores(open_scores.OpenScores):
        def _finish(self, box):
            held.append(sum(sums.numel() for sums in self.held.values()))
            super()._finish(box)

    class SlabScores(slab_scores.SlabScores):
        def close(self):
            held.append(self.sums.numel())
            super().close()

    monkeypatch.setattr("swinx.inference.windows.label_windows.OpenScores", OpenScores)
    monkeypatch.setattr("swinx.inference.windows.label_windows.SlabScores", SlabScores)
    most = []
    for classes in (FEATURES, 23, 60):
        held.clear()
        SlidingWindowLabelInferer(ROI, engine=TorchEngine(), restore_scores=restore)(image, build(classes))
        most.append(max(held))
    assert most[1] == most[2], "60 classes hold as much as 23"
    assert most[1] <= most[0] * (FEATURES + 1) / FEATURES
    assert most[0] > 0

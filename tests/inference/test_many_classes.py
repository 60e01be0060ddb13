"""However many classes there are, no more than the decoder's features is held, and the labels stay the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from support.geometry import oblique_affine
from support.inference import label_inferer
from swinx.inference import OpenVINOBackend, TorchBackend
from swinx.inference.windows import slab_logits
from swinx.networks import SwinXSeg
from swinx.preprocessing import CTPreprocessingd

FEATURES = 5
ROI = (32, 32, 32)


@pytest.fixture
def build():
    def make(classes: int) -> SwinXSeg:
        """Return a network to which no class is much more likely than others."""
        torch.manual_seed(0)
        sizes = {"embed_dim": 12, "depths": (2, 1), "num_heads": (1, 2)}
        network = SwinXSeg(out_channels=classes, decoder_channels=FEATURES, **sizes).eval()
        with torch.no_grad():
            network.out.conv.conv.weight *= 10
            logits = network(torch.rand(1, 1, 32, 32, 32))
            network.out.conv.conv.bias -= logits.mean(dim=(0, 2, 3, 4))
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


@pytest.mark.parametrize("classes", [FEATURES, FEATURES + 1, 23])
def test_labels_are_those_of_the_network_as_it_is(classes, build, image):
    network = build(classes)
    backends = (TorchBackend(), OpenVINOBackend())
    for split in backends:
        assert (split(network, ROI).output_layer is not None) == (classes > FEATURES)
    for on_scan_grid in (False, True):
        expected = label_inferer(ROI, on_scan_grid=on_scan_grid)(image, network)
        assert len(expected.unique()) > 0.8 * classes
        for split in backends:
            found = label_inferer(ROI, on_scan_grid=on_scan_grid, backend=split)(image, network)
            assert found.shape == expected.shape
            assert (found == expected).float().mean() > 0.9995, (split.name, on_scan_grid)


@pytest.mark.parametrize("on_scan_grid", [False, True])
def test_a_margin_and_half_precision_change_little(on_scan_grid, build, image):
    network = build(23)
    settings = {"margin": 0.25, "on_scan_grid": on_scan_grid}
    expected = label_inferer(ROI, **settings)(image, network)
    found = label_inferer(ROI, backend=TorchBackend(), half_logits=True, **settings)(image, network)
    assert (found == expected).float().mean() > 0.98


@pytest.mark.parametrize("on_scan_grid", [False, True])
def test_what_is_held_does_not_grow_beyond_the_features(on_scan_grid, build, image, monkeypatch):
    held = []

    class SlabLogits(slab_logits.SlabLogits):
        def close(self):
            held.append(self.sums.numel())
            super().close()

    monkeypatch.setattr("swinx.inference.windows.window_labels.SlabLogits", SlabLogits)
    most = []
    for classes in (FEATURES, 23, 60):
        held.clear()
        label_inferer(ROI, backend=TorchBackend(), on_scan_grid=on_scan_grid)(image, build(classes))
        most.append(max(held))
    assert most[1] == most[2], "60 classes hold as much as 23"
    assert most[1] <= most[0] * (FEATURES + 1) / FEATURES
    assert most[0] > 0

"""The network is the published one: numbers made by the published code."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from swinx.networks import SwinXSeg, load_weights

GOLDEN = Path(__file__).parents[1] / "golden"
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def image(golden_facts):
    rng = np.random.default_rng(golden_facts["input_seed"])
    return torch.from_numpy(rng.random((1, 1, 96, 96, 96), dtype=np.float32))


@pytest.fixture(scope="module", params=["swinx_small", "swinx_small_standard"])
def run(request, golden_facts, reference_weights, image):
    """One forward pass in the window order of the file, and what the file expects."""
    network = SwinXSeg(
        out_channels=golden_facts["classes"],
        embed_dim=golden_facts["embed_dim"],
        num_heads=golden_facts["num_heads"],
        decoder_channels=golden_facts["embed_dim"],
        published_window_order=request.param == "swinx_small",
    ).eval()
    load_weights(network, reference_weights, allow_window_order_mismatch=True)
    seen = []
    network.encoder.register_forward_hook(lambda _module, _inputs, features: seen.append(features))
    with torch.no_grad():
        logits = network(image)
    return SimpleNamespace(logits=logits, features=seen[0], expected=np.load(GOLDEN / f"{request.param}.npz"))


def test_logits_equal_the_published_ones(run):
    np.testing.assert_allclose(run.logits[:, :, ::8, ::8, ::8], run.expected["logits"], rtol=0, atol=TOLERANCE)
    mean_error = abs(float(run.logits.double().sum()) - float(run.expected["logits_sum"])) / run.logits.numel()
    assert mean_error < TOLERANCE / 100


def test_labels_equal_the_published_ones(run):
    labels = run.logits.argmax(1)[:, ::2, ::2, ::2].numpy()
    assert (labels == run.expected["labels"]).mean() >= 0.999


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_skip_features_equal_the_published_ones(run, stage):
    skip = run.features.skips[stage - 1][:, :, ::4, ::4, ::4]
    np.testing.assert_allclose(skip, run.expected[f"stage{stage}"], rtol=0, atol=TOLERANCE)


def test_bottleneck_tokens_equal_the_published_ones(run):
    tokens = run.features.bottleneck.flatten(2).transpose(1, 2)
    np.testing.assert_allclose(tokens, run.expected["bottleneck"], rtol=0, atol=TOLERANCE)

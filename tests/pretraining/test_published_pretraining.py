"""Published SMIT checkpoints fill an encoder that is configured as theirs was."""

from __future__ import annotations

import re

import pytest
import torch

from swinx.errors import WeightsError
from swinx.networks import SwinEncoder, SwinXSeg, load_weights
from swinx.pretraining import SmitNetwork

PUBLISHED = {"embed_dim": 8, "depths": (2, 2, 4, 2), "num_heads": (4, 4, 4, 4), "qkv_bias": False}
PUBLISHED_NAMES = (
    (r"stages\.(\d)\.", r"layers.\1."),
    (r"mlp\.linear([12])", r"mlp.fc\1"),
    (r"mergings\.(\d)\.", r"layers.\1.downsample."),
    (r"norms\.(\d)\.", r"norm\1."),
)


@pytest.fixture
def published() -> dict[str, torch.Tensor]:
    """A pretraining checkpoint as the authors' code writes it: encoder under ``transformer.``, and its own heads."""
    torch.manual_seed(3)
    tensors = {}
    for name, tensor in SwinEncoder(**PUBLISHED).state_dict().items():
        if name.endswith(("_extra_state", "relative_position_index")):
            continue
        for pattern, replacement in PUBLISHED_NAMES:
            name = re.sub(pattern, replacement, name)
        tensors[f"transformer.{name}"] = torch.randn(tensor.shape)
    heads = {
        "mask_token": torch.zeros(1, 8),
        "rec_head.weight": torch.zeros(2),
        "head.last_layer.weight_g": torch.ones(2),
    }
    return tensors | heads


def test_names_are_the_published_ones(published):
    assert "transformer.layers.2.blocks.3.attn.qkv.weight" in published
    assert "transformer.layers.0.blocks.0.attn.qkv.bias" not in published
    assert {"transformer.norm3.weight", "transformer.layers.1.downsample.reduction.weight"} <= published.keys()


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"state_dict": state, "epoch": 3}])
def test_all_of_the_encoder_is_matched(published, wrap, tmp_path, capsys):
    torch.save(wrap(published), tmp_path / "smit.pt")
    for network in (
        SwinXSeg(**PUBLISHED, decoder_channels=4, published_window_order=True),
        SmitNetwork(SwinEncoder(**PUBLISHED, published_window_order=True), 8, 8, 4),
    ):
        report = load_weights(network, tmp_path / "smit.pt", part="encoder")
        assert report.encoder_fraction == 1
        assert not report.missing
        assert "100.0% of the encoder" in capsys.readouterr().err
        attention = network.encoder.stages[2].blocks[3].attn.qkv
        assert torch.equal(attention.weight, published["transformer.layers.2.blocks.3.attn.qkv.weight"])
        assert attention.bias is None


@pytest.mark.parametrize(
    "other",
    [{"depths": (2, 2, 2, 2)}, {"num_heads": (4, 4, 4, 8)}, {"depths": (2, 2, 2, 2), "num_heads": (1, 2, 4, 8)}],
)
def test_other_depths_or_heads_of_the_same_width_are_refused_though_most_would_match(published, other):
    """A wider head cuts the same queries differently: no shape of theirs tells."""
    network = SwinXSeg(**{**PUBLISHED, **other}, decoder_channels=4, published_window_order=True)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items() if "_extra" not in name}
    with pytest.raises(WeightsError, match=r"encoder of another shape .*check embed_dim, depths, num_heads"):
        load_weights(network, published, part="encoder")
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in before.items())


def test_an_encoder_of_the_segmentation_s_form_is_refused_with_advice(published):
    with pytest.raises(WeightsError, match=r"check embed_dim, depths, num_heads and qkv_bias"):
        load_weights(SwinXSeg(embed_dim=12, num_heads=(4, 4, 4, 4), decoder_channels=4), published, part="encoder")
    with pytest.raises(WeightsError, match="published_window_order=True"):
        load_weights(SwinXSeg(**PUBLISHED, decoder_channels=4), published, part="encoder")

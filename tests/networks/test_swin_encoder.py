"""SwinEncoder: its features, its pieces and its schedule."""

from __future__ import annotations

import pytest
import torch
from monai.networks.layers import DropPath

from swinx.networks import SwinEncoder


def drop_path_rates(encoder: SwinEncoder) -> list[float]:
    blocks = [block for stage in encoder.stages for block in stage.blocks]
    return [block.drop_path.drop_prob if isinstance(block.drop_path, DropPath) else 0.0 for block in blocks]


def test_features_halve_in_side_and_double_in_channels(build_encoder, image):
    with torch.no_grad():
        features = build_encoder()(image)
    assert [tuple(skip.shape[1:]) for skip in features.skips] == [
        (4, 16, 32, 16),
        (8, 8, 16, 8),
        (16, 4, 8, 4),
        (32, 2, 4, 2),
    ]
    assert tuple(features.bottleneck.shape) == (1, 64, 1, 2, 1)


def test_skips_are_normalised_over_channels_and_the_bottleneck_is_not(build_encoder, image):
    with torch.no_grad():
        features = build_encoder()(image)
    for skip in features.skips:
        assert skip.mean(1).abs().max() < 1e-4
    assert features.bottleneck.mean(1).abs().max() > 1e-3


def test_drop_path_rises_linearly_over_all_blocks(build_encoder):
    assert drop_path_rates(build_encoder(drop_path_rate=0.7)) == pytest.approx([0.1 * index for index in range(8)])
    uneven = build_encoder(depths=(2, 2, 4, 2), drop_path_rate=0.9)
    assert drop_path_rates(uneven) == pytest.approx([0.1 * index for index in range(10)])


def test_shifted_windows_alternate_with_regular_ones(build_encoder):
    for stage in build_encoder(depths=(2, 2, 4, 2)).stages:
        shifts = [tuple(block.shift_size) for block in stage.blocks]
        assert shifts == [(0, 0, 0), (2, 2, 2)] * (len(shifts) // 2)


def test_encoding_in_two_pieces_equals_one(build_encoder, image):
    encoder = build_encoder()
    with torch.no_grad():
        tokens = encoder.embed(image)
        assert tokens.shape == (1, 16, 32, 16, 4)
        torch.testing.assert_close(encoder.encode(tokens).bottleneck, encoder(image).bottleneck, rtol=0, atol=0)


def test_published_pretraining_shape_has_no_qkv_bias():
    encoder = SwinEncoder(depths=(2, 2, 4, 2), num_heads=(4, 4, 4, 4), qkv_bias=False)
    names = list(encoder.state_dict())
    assert "stages.2.blocks.3.attn.qkv.weight" in names
    assert not [name for name in names if name.endswith("qkv.bias")]


def test_attention_stays_within_windows(build_encoder):
    """A change in one corner reaches its window in a regular block, and no further."""
    block = build_encoder().stages[0].blocks[0]
    tokens = torch.rand(1, 16, 16, 16, 4, generator=torch.Generator().manual_seed(0))
    changed = tokens.clone()
    changed[0, 0, 0, 0, 0] += 1
    with torch.no_grad():
        moved = (block(tokens, None) != block(changed, None)).any(-1)[0]
    assert moved[:4, :4, :4].all()
    assert moved.sum() == 64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"num_heads": (1, 1, 2)}, "differ in length", id="lengths"),
        pytest.param({"num_heads": (3, 1, 2, 2)}, r"\(3, 1, 2, 2\) must divide .* \(4, 8, 16, 32\)", id="heads"),
    ],
)
def test_stages_that_do_not_fit_together_are_refused(build_encoder, changes, message):
    with pytest.raises(ValueError, match=message):
        build_encoder(**changes)

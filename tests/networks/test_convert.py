"""convert_reference_weights: published names and layouts to ours."""

from __future__ import annotations

import logging

import pytest
import torch

from swinx.errors import WeightsError
from swinx.networks import SwinEncoder, convert_reference_weights
from swinx.networks.convert import is_reference


def bare_encoder(reference_weights):
    prefix = "transformer."
    return {name.removeprefix(prefix): value for name, value in reference_weights.items() if name.startswith(prefix)}


def test_converted_weights_fill_the_network_exactly(reference_weights, reference_network):
    reference_network(published_window_order=True).load_state_dict(convert_reference_weights(reference_weights))


def test_converted_weights_record_the_published_order(reference_weights, tmp_path):
    converted = convert_reference_weights(reference_weights)
    torch.save(converted, tmp_path / "converted.pt")
    assert bool(torch.load(tmp_path / "converted.pt", weights_only=True)["encoder._extra_state"])


def test_strict_loading_works_for_the_other_order_too_with_a_warning(reference_weights, reference_network):
    with pytest.warns(UserWarning, match="trained with published_window_order=True"):
        reference_network(published_window_order=False).load_state_dict(convert_reference_weights(reference_weights))


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("key", [None, "state_dict", "model"])
def test_prefixes_and_keys_change_nothing(reference_weights, prefix, key):
    checkpoint = {prefix + name: value for name, value in reference_weights.items()}
    converted = convert_reference_weights({key: checkpoint, "epoch": 7} if key else checkpoint)
    expected = convert_reference_weights(reference_weights)
    assert converted.keys() == expected.keys()
    assert all(torch.equal(converted[name], expected[name]) for name in expected)


def test_conversion_leaves_its_input_alone(reference_weights):
    before = {name: value.clone() for name, value in reference_weights.items()}
    convert_reference_weights(reference_weights)
    assert before.keys() == reference_weights.keys()
    assert all(torch.equal(before[name], reference_weights[name]) for name in before)


def test_bare_encoder_becomes_a_bare_encoder(reference_weights, golden_facts):
    encoder = SwinEncoder(
        embed_dim=golden_facts["embed_dim"], num_heads=golden_facts["num_heads"], published_window_order=True
    )
    encoder.load_state_dict(convert_reference_weights(bare_encoder(reference_weights)))


def test_heads_of_pretraining_are_left_out_and_named(reference_weights, caplog):
    encoder = {name: value for name, value in reference_weights.items() if name.startswith("transformer.")}
    with caplog.at_level(logging.WARNING):
        converted = convert_reference_weights({**encoder, "rec_head.weight": torch.zeros(3)})
    assert "rec_head.weight" in caplog.text
    assert all(name.startswith("encoder.") for name in converted)


def test_student_is_preferred_to_teacher(reference_weights):
    bare = bare_encoder(reference_weights)
    both = {f"teacher.{name}": torch.zeros_like(value) for name, value in bare.items()}
    both |= {f"student.{name}": value for name, value in bare.items()}
    assert convert_reference_weights(both)["patch_embed.proj.weight"].abs().sum() > 0


def test_merging_of_the_same_neighbours_gives_the_same_tokens(reference_weights, golden_facts):
    """Concatenate the neighbours in the published order by hand and compare with the converted layer."""
    channels, name = golden_facts["embed_dim"], "transformer.layers.0.downsample"
    tokens = torch.rand(1, 4, 2, 6, channels, generator=torch.Generator().manual_seed(0))
    order = ["000", "100", "010", "001", "110", "011", "101", "111"]
    neighbours = [tokens[:, int(o[0]) :: 2, int(o[1]) :: 2, int(o[2]) :: 2] for o in order]
    weight, bias = reference_weights[f"{name}.norm.weight"], reference_weights[f"{name}.norm.bias"]
    normalised = torch.nn.functional.layer_norm(torch.cat(neighbours, -1), (8 * channels,), weight, bias)
    expected = normalised @ reference_weights[f"{name}.reduction.weight"].T

    encoder = SwinEncoder(embed_dim=channels, num_heads=golden_facts["num_heads"], published_window_order=True)
    encoder.load_state_dict(convert_reference_weights(bare_encoder(reference_weights)))
    with torch.no_grad():
        torch.testing.assert_close(encoder.mergings[0](tokens), expected)


@pytest.mark.parametrize("window", [2, 3, 4])
def test_filled_position_indices_are_those_of_monai(window):
    encoder = SwinEncoder(embed_dim=4, num_heads=(1, 1, 1, 1), window_size=window)
    name = "stages.0.blocks.0.attn.relative_position_index"
    reference = {
        "patch_embed.proj.weight": torch.zeros(4, 1, 2, 2, 2),
        "layers.0.blocks.0.attn.qkv.weight": torch.zeros(12, 4),
        "layers.0.blocks.0.attn.relative_position_bias_table": torch.zeros((2 * window - 1) ** 3, 1),
    }
    assert torch.equal(convert_reference_weights(reference)[name], encoder.state_dict()[name])


def test_own_and_foreign_names_are_no_reference(build, reference_weights):
    assert is_reference(reference_weights)
    assert not is_reference(build().state_dict())
    with pytest.raises(WeightsError, match=r"no weights of the published network: patch_embed\.proj\.weight"):
        convert_reference_weights(build().state_dict())


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        pytest.param("downsample.reduction.weight", (8, 16), "3D network", id="merging-of-four-neighbours"),
        pytest.param("blocks.0.attn.relative_position_bias_table", (49, 1), "49 rows", id="square-window"),
    ],
)
def test_two_dimensional_networks_are_refused(reference_weights, name, shape, message):
    foreign = {**reference_weights, f"transformer.layers.0.{name}": torch.zeros(shape)}
    with pytest.raises(WeightsError, match=message):
        convert_reference_weights(foreign)


def test_every_neighbour_is_used_once(reference_weights):
    name = "layers.0.downsample.norm.bias"
    bare = bare_encoder(reference_weights) | {name: torch.arange(8.0).repeat_interleave(12)}
    permuted = convert_reference_weights(bare)["mergings.0.norm.bias"].reshape(8, 12)
    assert torch.equal(permuted[:, 0].sort().values, torch.arange(8.0))
    assert all(torch.equal(row, row[:1].expand(12)) for row in permuted)
    assert permuted[:3, 0].tolist() == [0, 3, 2], "000, then 001, then 010"

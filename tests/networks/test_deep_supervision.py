"""DeepSupervision: more outputs in training, the network's own and nothing else outside of it."""

from __future__ import annotations

import pytest
import torch

from swinx.networks import DeepSupervision, fine_tuning_groups, load_weights, save_weights

STAGES = {
    "depths": (1, 1),
    "num_heads": (1, 1),
    "decoder_channels": (4, 8, 12),
    "norm": "group",
    "drop_path_rate": 0.0,
}


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(1, 1, 16, 24, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def supervised(build):
    """A network of two stages with group norm, whose outputs in training are those in evaluation, at three levels."""

    def network():
        torch.manual_seed(1)
        return DeepSupervision(build(**STAGES), 3)

    return network


def test_in_training_there_are_logits_of_every_level_full_resolution_first(supervised, image):
    outputs = supervised().train()(image)
    assert [tuple(level.shape) for level in outputs] == [(1, 3, 16, 24, 16), (1, 3, 8, 12, 8), (1, 3, 4, 6, 4)]


def test_in_evaluation_it_is_the_network(supervised, image):
    network = supervised().eval()
    with torch.no_grad():
        assert torch.equal(network(image), network.network(image))


def test_the_finest_output_in_training_is_the_network_s(supervised, image):
    network = supervised().train()
    with torch.no_grad():
        assert torch.equal(network(image)[0], network.network(image))


def test_with_one_level_there_is_no_layer_and_no_random_number_is_drawn(build, image):
    plain = build(**STAGES)
    torch.manual_seed(5)
    network = DeepSupervision(plain).train()
    assert torch.equal(torch.rand(1), torch.rand(1, generator=torch.Generator().manual_seed(5)))
    assert len(network.heads) == 0
    assert network(image).shape == (1, 3, *image.shape[2:])


def test_a_coarser_level_teaches_what_it_is_made_of_and_no_finer_one(supervised, image):
    """The full resolution's blocks have no part in the half."""
    network = supervised().train()
    network(image)[1].square().sum().backward()
    taught = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert any(name.startswith("heads.0.") for name in taught)
    assert any(name.startswith("network.encoder.") for name in taught)
    for other in ("heads.1.", "network.out.", "network.up_blocks.0.", "network.image_block."):
        assert not any(name.startswith(other) for name in taught), other


def test_every_parameter_learns_from_all_levels_together(supervised, image):
    network = supervised().train()
    sum(level.square().mean() for level in network(image)).backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


def test_the_file_of_the_network_fits_a_network_without_it(supervised, build, tmp_path):
    network = supervised()
    save_weights(network.network, tmp_path / "model.pt")
    plain = build(seed=9, **STAGES)
    assert load_weights(plain, tmp_path / "model.pt").total_fraction == 1
    assert set(torch.load(tmp_path / "model.pt", weights_only=True)) == set(plain.state_dict())


def test_a_network_of_two_stages_has_three_levels_and_no_fourth(build):
    assert len(DeepSupervision(build(**STAGES), 3).heads) == 2
    with pytest.raises(ValueError, match="at 4 levels, but the decoder of SwinXSeg has 3"):
        DeepSupervision(build(**STAGES), 4)


def test_a_network_of_another_kind_is_passed_through_and_has_one_level():
    other = torch.nn.Conv3d(1, 2, 1)
    image = torch.rand(1, 1, 2, 2, 2)
    assert torch.equal(DeepSupervision(other).train()(image), other(image))
    for levels in (0, 2):
        with pytest.raises(ValueError, match=f"at {levels} levels, but the decoder of Conv3d has 1"):
            DeepSupervision(other, levels)


def test_the_rate_of_the_further_layers_is_the_decoder_s_and_the_rest_stays_in_its_group(supervised):
    network = supervised()
    (group,) = fine_tuning_groups(network, 2e-4, 1e-5)
    own = len(list(network.network.parameters()))
    assert list(map(id, group["params"][:own])) == list(map(id, network.network.parameters()))
    assert list(map(id, group["params"][own:])) == list(map(id, network.heads.parameters()))
    settings = (2e-4, 1e-5, 1e-4, 0.5)
    alone, together = fine_tuning_groups(network.network, *settings), fine_tuning_groups(network, *settings)
    assert [group["lr"] for group in alone] == [group["lr"] for group in together]
    assert set(map(id, network.heads.parameters())) <= set(map(id, together[0]["params"]))
    assert [len(group["params"]) for group in alone[1:]] == [len(group["params"]) for group in together[1:]]


def test_by_default_the_groups_are_those_of_the_network_alone(build):
    network = build(**STAGES)
    (own,), (wrapped,) = (fine_tuning_groups(one, 2e-4, 1e-5) for one in (network, DeepSupervision(network)))
    assert list(map(id, own["params"])) == list(map(id, wrapped["params"]))

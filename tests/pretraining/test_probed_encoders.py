"""ProbedEncoders and random_encoder: the comparison differs from the trained encoder in its weights alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from swinx.errors import WeightsError
from swinx.networks import SwinEncoder, SwinXSeg, save_weights
from swinx.pretraining import PRETRAINED, ProbedEncoders, SmitNetwork, random_encoder


def encoder(seed: int = 7, published: bool = False) -> SwinEncoder:
    torch.manual_seed(seed)
    return SwinEncoder(embed_dim=12, num_heads=(1, 2, 4, 8), published_window_order=published).eval()


def drawn(network: nn.Module) -> dict[str, torch.Tensor]:
    """All weights that a constructor draws: those of a LayerNorm start at 1 and 0."""
    norms = [name for name, module in network.named_modules() if isinstance(module, nn.LayerNorm)]
    return {n: p for n, p in network.named_parameters() if n.rpartition(".")[0] not in norms}


@pytest.mark.parametrize("published", [False, True])
def test_weights_are_drawn_as_the_constructor_draws_them(published):
    trained = encoder(published=published)
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.fill_(3.0)
    fresh, redrawn = drawn(encoder(8, published)), random_encoder(trained, seed=0)
    for name, weights in drawn(redrawn).items():
        assert not (weights == 3.0).any(), name
        if weights.numel() > 500:
            assert float(weights.std()) == pytest.approx(float(fresh[name].std()), rel=0.15), name
        assert weights.abs().max() <= fresh[name].abs().max() * 2.5, name
    for module in redrawn.modules():
        if isinstance(module, nn.LayerNorm):
            assert (module.weight == 1).all()
            assert (module.bias == 0).all()
    assert redrawn.published_window_order is published


def test_a_seed_gives_the_same_weights_and_leaves_the_world_as_it_was():
    original = encoder()
    before = {name: p.clone() for name, p in original.named_parameters()}
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first, again, other = (drawn(random_encoder(original, seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(3), expected), "the global generator moved"
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)
    assert all(torch.equal(p, before[name]) for name, p in original.named_parameters())


def test_weights_of_an_unknown_initialisation_are_refused():
    class Odd(SwinEncoder):
        def __init__(self):
            super().__init__(embed_dim=12, num_heads=(1, 2, 4, 8))
            self.temperature = nn.Parameter(torch.ones(1))

    with pytest.raises(ValueError, match=r"unknown initialisation .* Odd"):
        random_encoder(Odd(), seed=0)


def test_maps_are_what_a_decoder_gets():
    torch.manual_seed(0)
    image, trained = torch.rand(1, 1, 32, 32, 32), encoder()
    found = ProbedEncoders(trained, random_seeds=2).eval()(image)
    assert list(found) == [PRETRAINED, "random_0", "random_1"]
    assert [tuple(level.shape[1:3]) for level in found[PRETRAINED]] == [(12, 16), (24, 8), (48, 4), (96, 2), (192, 1)]
    features = trained(image)
    for level, skip in zip(found[PRETRAINED], features.skips, strict=False):
        torch.testing.assert_close(level, skip)
    torch.testing.assert_close(found[PRETRAINED][-1].mean(dim=1), torch.zeros(1, 1, 1, 1), atol=1e-5, rtol=0)
    assert not torch.equal(found["random_0"][0], found["random_1"][0])


def test_levels_can_be_chosen():
    found = ProbedEncoders(encoder(), random_seeds=1, feature_levels=[3]).eval()(torch.zeros(1, 1, 32, 32, 32))
    assert [level.shape[1] for level in found["random_0"]] == [96]


def test_nothing_is_trained():
    assert not any(parameter.requires_grad for parameter in ProbedEncoders(encoder()).parameters())


def of_pretraining() -> nn.Module:
    return SmitNetwork(encoder(1), out_dim=8, hidden_dim=8, bottleneck_dim=4)


def of_segmentation() -> nn.Module:
    torch.manual_seed(1)
    return SwinXSeg(embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=8)


@pytest.mark.parametrize("make", [of_pretraining, of_segmentation])
def test_the_encoder_of_any_checkpoint_is_loaded_into_the_probed_one_alone(make, tmp_path):
    network, probed = make(), ProbedEncoders(encoder(2), random_seeds=1)
    random = {name: p.clone() for name, p in probed.encoders["random_0"].named_parameters()}
    save_weights(network, tmp_path / "model.pt")
    assert probed.load(tmp_path / "model.pt").encoder_fraction == 1
    loaded = dict(probed.encoders[PRETRAINED].named_parameters())
    assert all(torch.equal(p, loaded[name]) for name, p in network.encoder.named_parameters())
    assert all(torch.equal(p, random[name]) for name, p in probed.encoders["random_0"].named_parameters())


def test_a_probe_without_a_checkpoint_is_refused():
    with pytest.raises(WeightsError, match=r"none was given.*give the path"):
        ProbedEncoders(encoder()).load(None)


def test_a_checkpoint_of_another_size_is_refused(tmp_path):
    save_weights(SwinEncoder(embed_dim=24, num_heads=(1, 2, 4, 8)), tmp_path / "wide.pt")
    with pytest.raises(WeightsError, match=r"wide\.pt: .*mis-shaped: .*check embed_dim"):
        ProbedEncoders(encoder()).load(tmp_path / "wide.pt")


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="random_seeds must be 1 or more, not 0"):
        ProbedEncoders(encoder(), random_seeds=0)
    with pytest.raises(ValueError, match=r"feature_levels \[5\] must be some of \[0, 1, 2, 3, 4\]"):
        ProbedEncoders(encoder(), feature_levels=[5])

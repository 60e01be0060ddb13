"""Sampling by dropout, and by nothing else of a network's training mode."""

from __future__ import annotations

import torch

from swinx.inference import with_active_dropout
from swinx.networks import SwinXSeg


def small(dropout: float = 0.2, drop_path_rate: float = 0.0) -> SwinXSeg:
    torch.manual_seed(0)
    return SwinXSeg(
        embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=4, dropout=dropout, drop_path_rate=drop_path_rate
    )


def test_samples_differ_though_a_window_is_too_small_for_batch_norm_to_train():
    image = torch.rand(1, 1, 32, 32, 32)
    noisy = with_active_dropout(small().train())
    with torch.no_grad():
        assert not torch.equal(noisy(image), noisy(image))


def test_stochastic_depth_is_at_work_too():
    image = torch.rand(1, 1, 32, 32, 32)
    noisy = with_active_dropout(small(dropout=0.0, drop_path_rate=0.9).eval())
    with torch.no_grad():
        outputs = [noisy(image) for _ in range(4)]
    assert any(not torch.equal(outputs[0], other) for other in outputs[1:])


def test_without_dropout_the_copy_is_the_network_in_evaluation():
    image = torch.rand(1, 1, 32, 32, 32)
    network = small(dropout=0.0).train()
    with torch.no_grad():
        sampled = with_active_dropout(network)(image)
        assert torch.equal(sampled, network.eval()(image))


def test_the_network_itself_stays_as_it_is():
    network = small().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.no_grad():
        with_active_dropout(network)(torch.rand(1, 1, 32, 32, 32))
    assert all(module.training for module in network.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())

"""Parameter groups: each parameter once, norms that do not decay, rates by depth whose ratios a schedule keeps."""

from __future__ import annotations

import pytest
import torch
from monai.optimizers import WarmupCosineSchedule

from support.pretraining import small_student
from swinx.networks import SwinXSeg, decay_groups, fine_tuning_groups
from swinx.pretraining import SmitPretrainer


@pytest.fixture(scope="module")
def network() -> SwinXSeg:
    return SwinXSeg(embed_dim=4, depths=(1, 2, 1, 1), num_heads=(1, 2, 2, 4), decoder_channels=4)


def rates(network, groups) -> dict[str, float]:
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return {names[id(parameter)]: group["lr"] for group in groups for parameter in group["params"]}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"decay_norms": False},
        {"encoder_learning_rate": 1e-4},
        {"encoder_learning_rate": 1e-4, "layer_decay": 0.7, "decay_norms": False},
        {"layer_decay": 0.5},
    ],
)
def test_each_parameter_is_in_one_group(network, settings):
    groups = fine_tuning_groups(network, 2e-4, 1e-5, **settings)
    found = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(found) == sorted(map(id, network.parameters()))
    assert all(group["params"] for group in groups)
    assert groups[0]["lr"] == 2e-4, "the rate that a history shows"


def test_by_default_there_is_one_group_in_the_order_of_the_network(network):
    """So that states of trainings from before can be resumed."""
    (group,) = fine_tuning_groups(network, 2e-4, 1e-5)
    assert list(map(id, group["params"])) == list(map(id, network.parameters()))
    assert (group["lr"], group["weight_decay"]) == (2e-4, 1e-5)


def test_norms_and_biases_do_not_decay_if_so_wished(network):
    for group in fine_tuning_groups(network, 2e-4, 1e-5, decay_norms=False):
        dimensions = {parameter.ndim > 1 for parameter in group["params"]}
        assert dimensions == {group["weight_decay"] > 0}


def test_each_block_has_a_lower_rate_than_the_next_and_the_decoder_its_own(network):
    found = rates(network, fine_tuning_groups(network, 2e-4, 0.0, 1e-4, 0.5))
    expected = {
        "encoder.patch_embed.": 0.5**5,
        "encoder.stages.0.blocks.0.": 0.5**4,
        "encoder.norms.0.": 0.5**4,
        "encoder.mergings.0.": 0.5**4,
        "encoder.stages.1.blocks.0.": 0.5**3,
        "encoder.stages.1.blocks.1.": 0.5**2,
        "encoder.mergings.1.": 0.5**2,
        "encoder.stages.2.blocks.0.": 0.5**1,
        "encoder.stages.3.blocks.0.": 1.0,
        "encoder.mergings.3.": 1.0,
    }
    for start, factor in expected.items():
        of_part = {rate for name, rate in found.items() if name.startswith(start)}
        assert list(of_part) == [pytest.approx(1e-4 * factor)], start
    assert {rate for name, rate in found.items() if not name.startswith("encoder.")} == {2e-4}


def test_a_schedule_keeps_the_ratios(network):
    peak = [group["lr"] for group in fine_tuning_groups(network, 2e-4, 1e-5, 1e-4, 0.5, decay_norms=False)]
    assert len(set(peak)) == 7, "the decoder's, and those of five blocks and the patch embedding"
    optimizer = torch.optim.AdamW(fine_tuning_groups(network, 2e-4, 1e-5, 1e-4, 0.5, decay_norms=False), lr=2e-4)
    schedule = WarmupCosineSchedule(optimizer, 3, 10, warmup_multiplier=0.01)
    seen = []
    for _ in range(9):
        now = [group["lr"] for group in optimizer.param_groups]
        assert [rate / now[0] for rate in now] == pytest.approx([rate / peak[0] for rate in peak])
        seen.append(now[0])
        optimizer.step()
        schedule.step()
    assert len(set(seen)) > 5, "the rate moves"
    assert max(seen) == pytest.approx(2e-4)


def test_frozen_parameters_are_left_out():
    network = SwinXSeg(embed_dim=4, num_heads=(1, 2, 2, 4), decoder_channels=4)
    network.encoder.requires_grad_(False)
    found = rates(network, fine_tuning_groups(network, 2e-4, 1e-5, 1e-4, 0.5))
    assert found
    assert not any(name.startswith("encoder.") for name in found)


@pytest.mark.parametrize(
    "bad", [{"layer_decay": 0.0}, {"layer_decay": 1.1}, {"encoder_learning_rate": 0.0}, {"encoder_learning_rate": -1.0}]
)
def test_rates_out_of_range_are_refused(network, bad):
    with pytest.raises(ValueError, match="must be above 0, and layer_decay"):
        fine_tuning_groups(network, 2e-4, 1e-5, **bad)


def test_of_a_pretraining_matrices_decay_vectors_do_not_and_the_teacher_is_not_trained():
    network = SmitPretrainer(small_student())
    decaying, resting = decay_groups(network, 0.04)
    assert (decaying["weight_decay"], resting["weight_decay"]) == (0.04, 0.0)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    trained = [names[id(parameter)] for group in (decaying, resting) for parameter in group["params"]]
    assert sorted(trained) == sorted(n for n, p in network.named_parameters() if p.requires_grad)
    assert not [name for name in trained if name.startswith("teacher.")]
    assert "student.mask_token" in [names[id(parameter)] for parameter in resting["params"]]
    assert all(parameter.ndim > 1 for parameter in decaying["params"])
    assert len(set(map(id, decaying["params"] + resting["params"]))) == len(trained)

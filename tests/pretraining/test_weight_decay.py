"""decay_groups: what decays and what does not."""

from __future__ import annotations

import torch

from support.pretraining import small_student
from swinx.pretraining import SmitPretrainer, decay_groups


def test_matrices_decay_vectors_do_not_and_the_teacher_is_not_trained():
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


def test_an_optimiser_takes_the_groups():
    optimizer = torch.optim.AdamW(decay_groups(small_student(), 0.1), lr=1.0)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]

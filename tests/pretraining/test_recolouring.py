"""view_recolouring: changes of each view by itself, within [0, 1], by the seed; none by default."""

from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose

from swinx.pretraining import RandBlockMaskd, RandTwoViewsd, view_recolouring


def item() -> dict[str, MetaTensor]:
    blobs = torch.rand(1, 1, 5, 4, 3, generator=torch.Generator().manual_seed(0))
    scan = torch.nn.functional.interpolate(blobs, scale_factor=4, mode="trilinear")[0]
    return {"view_1": MetaTensor(scan), "view_2": MetaTensor(scan.clone())}


def test_without_a_probability_views_stay_as_they_are():
    out = view_recolouring(0.0)(item())
    assert all(torch.equal(out[key], item()[key]) for key in out)


def test_equal_views_become_different_ones_that_still_show_the_same_and_stay_within_the_range():
    out = view_recolouring(1.0).set_random_state(3)(item())
    one, two = (out[key].as_tensor().flatten() for key in ("view_1", "view_2"))
    assert not torch.equal(one, two)
    assert min(one.min(), two.min()) >= 0
    assert max(one.max(), two.max()) <= 1
    original = item()["view_1"].as_tensor().flatten()
    for view in (one, two):
        assert 0.5 < float(torch.corrcoef(torch.stack([view, original]))[0, 1]) < 0.999


def test_the_same_seed_gives_the_same_colours_within_a_chain():
    chain = Compose([RandTwoViewsd(region_size=(16, 16, 12), roi_size=(8, 8, 8)), view_recolouring(0.5)])
    steps = Compose([*chain.transforms, RandBlockMaskd(block_size=4)])
    case = {"image": item()["view_1"]}
    one, again, other = (steps.set_random_state(seed)(case)["view_2"] for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("prob", [-0.1, 1.5])
def test_a_probability_out_of_range_is_refused(prob):
    with pytest.raises(ValueError, match="recolour_prob must be from 0 to 1"):
        view_recolouring(prob)

"""SampleVoxelsd: voxels on the network's grid lie where the reader drew them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from swinx.preprocessing import CTPreprocessingd
from swinx.pretraining import SampleVoxelsd

LIVER, AORTA = 1, 5


@pytest.fixture
def case(oblique):
    """A scan of which the liver is annotated, and an aorta that is drawn, but not everywhere."""
    label = torch.zeros(1, 24, 22, 18)
    label[:, 4:10, 5:15, 3:9] = LIVER
    label[:, 15:20, 5:15, 10:15] = AORTA
    image = MetaTensor(torch.zeros(1, 24, 22, 18), affine=torch.as_tensor(oblique))
    return {"case": "a", "image": image, "label": MetaTensor(label, affine=torch.as_tensor(oblique)), "annotated": [1]}


def preprocessed(case):
    return CTPreprocessingd(["image", "label"], pixdim=[1.5, 1.5, 2.0], body_crop=False)(case)


def test_voxels_lie_in_their_organ_in_world_coordinates(case):
    out = SampleVoxelsd("label", 40)(preprocessed(case))
    assert out["voxels"].shape == (40, 3)
    to_scan = np.linalg.inv(case["label"].affine.numpy()) @ out["image"].affine.numpy()
    index = out["voxels"].numpy() @ to_scan[:3, :3].T + to_scan[:3, 3]
    nearest = np.rint(index).astype(int)
    assert (case["label"][0].numpy()[tuple(nearest.T)] == LIVER).all()


def test_only_annotated_classes_are_drawn(case):
    assert set(SampleVoxelsd("label", 10)(case)["classes"].tolist()) == {LIVER}
    del case["annotated"]
    assert set(SampleVoxelsd("label", 10)(case)["classes"].tolist()) == {LIVER, AORTA}


def test_background_is_drawn_only_where_all_organs_are_annotated(case):
    case["annotated"] = list(range(1, 14))
    assert set(SampleVoxelsd("label", 10)(case)["classes"].tolist()) == {0, LIVER, AORTA}
    assert 0 not in SampleVoxelsd("label", 10, include_background=False)(case)["classes"]


def test_the_same_seed_draws_the_same_voxels_of_a_case_and_another_seed_others(case):
    first, again, other = (SampleVoxelsd("label", 10, seed=seed)(case)["voxels"] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_item_stays_as_it_was(case):
    before = set(case)
    SampleVoxelsd("label", 10)(case)
    assert set(case) == before


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="voxels_per_class must be 1 or more, not 0"):
        SampleVoxelsd("label", 0)
    with pytest.raises(ValueError, match="one label map"):
        SampleVoxelsd(["label", "pred"], 5)

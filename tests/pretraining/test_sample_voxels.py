"""SampleVoxelsd: only certain classes are sampled, and voxels on the network's grid lie in their organ."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from swinx.labels import read_label_set
from swinx.preprocessing import CTPreprocessingd
from swinx.pretraining import SampleVoxelsd
from swinx.pretraining.probe.sample_voxels import certain_classes, sample_voxels

LIVER, AORTA = 1, 5


@pytest.fixture
def case(oblique):
    """A scan of which the liver is annotated, and an aorta that is annotated in part."""
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


def test_only_annotated_classes_are_sampled(case):
    assert set(SampleVoxelsd("label", 10)(case)["classes"].tolist()) == {LIVER}
    del case["annotated"]
    assert set(SampleVoxelsd("label", 10)(case)["classes"].tolist()) == {LIVER, AORTA}


def test_background_is_sampled_only_where_all_organs_are_annotated(case):
    case["annotated"] = list(range(1, 14))
    assert set(SampleVoxelsd("label", 10)(case)["classes"].tolist()) == {0, LIVER, AORTA}
    assert 0 not in SampleVoxelsd("label", 10, include_background=False)(case)["classes"]


def test_the_voxels_of_a_case_depend_on_seed_and_name_alone(case):
    first, again, other = (SampleVoxelsd("label", 10, seed=seed)(case)["voxels"] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, SampleVoxelsd("label", 10)(case | {"case": "b"})["voxels"])


def test_the_item_stays_as_it_was(case):
    before = set(case)
    SampleVoxelsd("label", 10)(case)
    assert set(case) == before


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="voxels_per_class must be 1 or more, not 0"):
        SampleVoxelsd("label", 0)
    with pytest.raises(ValueError, match="one label map"):
        SampleVoxelsd(["label", "pred"], 5)


@pytest.fixture
def labels() -> np.ndarray:
    array = np.zeros((6, 5, 4), np.uint8)
    array[1:5, 1:4, 1:3] = 1
    array[0, 0, :3] = 5
    return array


def test_every_voxel_has_the_class_that_it_was_sampled_for(labels):
    voxels, classes = sample_voxels(labels, [0, 1, 5], 7, np.random.default_rng(0))
    assert labels[tuple(voxels.T)].tolist() == classes.tolist()
    assert np.bincount(classes).tolist() == [7, 7, 0, 0, 0, 3]
    assert len(np.unique(voxels, axis=0)) == len(voxels)


def test_classes_not_asked_for_and_classes_absent_are_left_out(labels):
    _, classes = sample_voxels(labels, [5, 9], 100, np.random.default_rng(0))
    assert classes.tolist() == [5, 5, 5]


def test_a_map_without_the_classes_gives_no_voxels(labels):
    voxels, classes = sample_voxels(labels, [9], 10, np.random.default_rng(0))
    assert voxels.shape == (0, 3)
    assert classes.shape == (0,)


def test_each_voxel_of_a_class_is_sampled_about_equally_often(labels):
    sampled = [sample_voxels(labels, [1], 6, np.random.default_rng(seed))[0] for seed in range(400)]
    counts = np.unique(np.concatenate(sampled), axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert abs(counts - 100).max() < 45  # five standard deviations


@pytest.mark.parametrize(
    ("annotated", "background", "expected"),
    [
        pytest.param([1, 14], True, [1, 14], id="background-of-a-partial-annotation-is-uncertain"),
        pytest.param(range(1, 14), True, list(range(14)), id="all-organs-make-background-certain"),
        pytest.param(range(1, 15), False, list(range(1, 15)), id="background-may-be-declined"),
        pytest.param(range(1, 13), True, list(range(1, 13)), id="one-organ-short"),
        pytest.param(None, True, list(range(1, 15)), id="not-recorded"),
        pytest.param([], True, [], id="nothing-annotated"),
    ],
)
def test_certain_classes(annotated, background, expected):
    assert certain_classes(annotated, background) == expected


def test_background_is_certain_where_all_classes_but_lesions_are_annotated():
    lungs = read_label_set(
        {
            "labels": {"background": 0, "left lobe": 1, "right lobe": 2, "nodule": 3},
            "classes": {"nodule": {"inside": ["left lobe", "right lobe"]}},
        }
    )
    assert certain_classes([1, 2], True, lungs) == [0, 1, 2]
    assert certain_classes([1, 3], True, lungs) == [1, 3]
    assert certain_classes(None, True, lungs) == [1, 2, 3]
    out = SampleVoxelsd("label", 4, label_set=lungs)(
        {"case": "a", "label": torch.arange(64).reshape(1, 4, 4, 4) % 4, "annotated": [1, 2]}
    )
    assert set(out["classes"].tolist()) == {0, 1, 2}

"""Class weights, centres of patches, and masked pairs of label maps."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import DiceMetric
from monai.transforms.utils import map_binary_to_indices

from swinx.labels import read_label_set
from swinx.training.partial.annotated_classes import class_weights
from swinx.training.partial.crop_known import find_crop_centres
from swinx.training.partial.mask_unannotated import mask_unannotated

THREE = read_label_set({"background": 0, "a": 1, "b": 2, "c": 3})


def maps(seed: int, classes: int = 4):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, classes, (1, 6, 5, 4), generator=generator) for _ in range(2)]


def dice(prediction, label, classes=4):
    return DiceMetric(include_background=False, num_classes=classes)(prediction[None], label[None])


@pytest.mark.parametrize(
    ("annotated", "pseudo", "weight", "expected"),
    [
        pytest.param(None, None, 1.0, [1, 1, 1, 1], id="not-recorded-is-all"),
        pytest.param([], None, 1.0, [1, 0, 0, 0], id="none-annotated"),
        pytest.param([3, 1], None, 1.0, [1, 1, 0, 1], id="some-annotated"),
        pytest.param([1], [3], 0.25, [1, 1, 0, 0.25], id="pseudo"),
        pytest.param([1, 3], [3], 0.25, [1, 1, 0, 0.25], id="annotated-and-pseudo"),
        pytest.param(None, [2], 0.25, [1, 1, 0.25, 1], id="pseudo-where-not-recorded"),
        pytest.param([1], [2, 3], 0.0, [1, 1, 0, 0], id="pseudo-that-does-not-count"),
    ],
)
def test_weights_of(annotated, pseudo, weight, expected):
    weights = class_weights(annotated, pseudo, weight, THREE)
    assert weights.dtype == torch.float32
    assert weights.tolist() == expected


@pytest.mark.parametrize(("annotated", "pseudo"), [([0], None), ([15], None), ([1], [255])])
def test_ids_that_are_no_class_are_refused(annotated, pseudo):
    with pytest.raises(ValueError, match=r"class ids are 1\.\.14"):
        class_weights(annotated, pseudo)


def test_a_weight_beyond_drawn_classes_is_refused():
    with pytest.raises(ValueError, match=r"in \[0, 1\], not 1.5"):
        class_weights([1], [2], 1.5)


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_without_unknown_voxels_the_centres_are_monai_s(seed):
    label = maps(seed)[0]
    for own, monai in zip(find_crop_centres(label), map_binary_to_indices(label), strict=True):
        assert list(own) == torch.as_tensor(monai).tolist()


def test_every_known_voxel_is_a_centre_of_its_kind_and_no_unknown_one():
    label = maps(0)[0].float()
    label[:, 2] = 255
    foreground, background = find_crop_centres(label)
    flat = label.flatten()
    assert set(flat[list(foreground)].tolist()) == {1, 2, 3}
    assert set(flat[list(background)].tolist()) == {0}
    assert len(foreground) + len(background) == (flat != 255).sum()


def test_where_all_is_unknown_every_voxel_is_a_background_centre():
    foreground, background = find_crop_centres(torch.full((1, 3, 2, 2), 255))
    assert len(foreground) == 0
    assert list(background) == list(range(12))


def test_masking_changes_nothing_where_all_is_annotated():
    prediction, label = maps(1)
    masked = mask_unannotated(prediction, label, torch.ones(4))
    assert torch.equal(masked[0], prediction)
    assert torch.equal(masked[1], label)


def test_dice_of_an_unannotated_class_is_left_out_and_that_of_the_others_stays():
    prediction, label = maps(2)
    before = dice(prediction, label)
    after = dice(*mask_unannotated(prediction, label, torch.tensor([1.0, 1.0, 0.0, 0.5])))
    assert after[0, 1].isnan()
    assert torch.equal(after[0, [0, 2]], before[0, [0, 2]])


def test_dice_ignores_unknown_voxels():
    prediction, label = maps(3)
    label[:, 2:4] = 255
    masked = dice(*mask_unannotated(prediction, label, torch.ones(4)))
    cut = [torch.cat([x[:, :2], x[:, 4:]], dim=1) for x in (prediction, label)]
    assert torch.equal(masked, dice(*cut))
    assert not torch.equal(masked, dice(prediction, label))


def test_maps_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        mask_unannotated(torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 3), torch.ones(4))

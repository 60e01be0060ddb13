"""From `annotated` in a data list to a batch: flips, patches and masks keep what a label knows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import CacheDataset, DataLoader, MetaTensor
from monai.transforms import Compose, RandCropByPosNegLabeld, SelectItemsd

from swinx.labels import FlareLabel
from swinx.preprocessing import CTPreprocessingd
from swinx.training import AnnotatedClassesd, MaskUnannotatedd, RandCropByKnownLabeld, RandLeftRightFlipd

KEYS = ["image", "label"]


def item(seed: int = 0, shape=(14, 12, 10), **lists):
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(0, 15, (1, *shape), generator=generator).float()
    label[torch.rand(label.shape, generator=generator) < 0.7] = 0
    return {"image": MetaTensor(label + 0.5), "label": MetaTensor(label), **lists}


def weights_of(**lists):
    options = {key: lists.pop(key) for key in ("pseudo_weight", "enabled") if key in lists}
    return AnnotatedClassesd(**options)(lists)["class_weights"].tolist()


def test_an_item_without_a_record_is_complete():
    assert weights_of() == [1.0] * 15


def test_an_item_is_not_changed_but_for_the_weights():
    start = {"annotated": [1], "pseudo": [2], "image": "a.nii"}
    out = AnnotatedClassesd()(start)
    assert {key: out[key] for key in start} == start
    assert "class_weights" not in start


def test_pseudo_labels_count_as_much_as_the_setting_says():
    assert weights_of(annotated=[1], pseudo=[14], pseudo_weight=0.3)[14] == pytest.approx(0.3)


def test_switched_off_everything_counts():
    assert weights_of(annotated=[1], pseudo=[14], pseudo_weight=0.3, enabled=False) == [1.0] * 15


def test_a_weight_beyond_drawn_classes_is_refused_before_the_data_are_read():
    with pytest.raises(ValueError, match="pseudo_weight"):
        AnnotatedClassesd(pseudo_weight=2.0)


def test_a_flip_takes_along_which_kidney_was_annotated():
    annotated = [FlareLabel.LIVER, FlareLabel.RIGHT_KIDNEY, FlareLabel.LEFT_ADRENAL_GLAND]
    case = AnnotatedClassesd()(item(annotated=annotated))
    flip = RandLeftRightFlipd(KEYS, per_class_keys="class_weights", prob=1.0)
    flipped = flip(case)
    mirrored = [FlareLabel.LIVER, FlareLabel.RIGHT_ADRENAL_GLAND, FlareLabel.LEFT_KIDNEY]
    assert flipped["class_weights"].nonzero().flatten().tolist() == [0, *mirrored]
    assert torch.equal(flip(flipped)["class_weights"], case["class_weights"])
    assert (case["class_weights"][FlareLabel.RIGHT_KIDNEY], case["class_weights"][FlareLabel.LEFT_KIDNEY]) == (1, 0)


def test_after_a_flip_the_same_voxels_are_of_annotated_classes():
    """Whatever side an organ is on, its voxels are known after the mirror if they were known before."""
    case = AnnotatedClassesd(pseudo_weight=0.5)(item(annotated=[2, 8], pseudo=[7]))
    flipped = RandLeftRightFlipd(KEYS, per_class_keys="class_weights", prob=1.0)(case)
    before, after = (x["class_weights"][x["label"].as_tensor().long()] for x in (case, flipped))
    assert torch.equal(before.flip(1), after)


@pytest.mark.parametrize("options", [{"prob": 0.0}, {"prob": 1.0, "swap_pairs": False}], ids=["no-flip", "no-swap"])
def test_weights_stay_where_labels_keep_their_class(options):
    case = AnnotatedClassesd()(item(annotated=[2, 7]))
    flipped = RandLeftRightFlipd(KEYS, per_class_keys="class_weights", **options)(case)
    assert torch.equal(flipped["class_weights"], case["class_weights"])


def test_missing_weights_are_an_error():
    with pytest.raises(KeyError, match="class_weights"):
        RandLeftRightFlipd(KEYS, per_class_keys="class_weights", prob=1.0)(item())


def test_unknown_voxels_survive_the_preprocessing_and_nothing_else_becomes_unknown(oblique):
    label = torch.zeros(1, 30, 26, 12)
    label[:, 5:20, 6:18, 3:9] = 2
    label[:, 12:20, 6:18, 3:9] = 255
    image = torch.where(label > 0, 60.0, -1000.0)
    case = {key: MetaTensor(x, affine=torch.as_tensor(oblique)) for key, x in (("image", image), ("label", label))}
    for pixdim in ((0.5, 0.7, 2.0), (1.5, 1.1, 3.0)):
        moved = CTPreprocessingd(KEYS, pixdim=pixdim)(case)["label"]
        assert set(moved.unique().tolist()) == {0, 2, 255}
        volume_mm3 = int((moved == 255).sum()) * np.prod(pixdim)
        assert volume_mm3 == pytest.approx(8 * 12 * 6 * abs(np.linalg.det(oblique[:3, :3])), rel=0.15)


def test_patches_are_monai_s_where_all_is_known():
    case = item(3)
    options = {"keys": KEYS, "label_key": "label", "spatial_size": (6, 6, 6), "pos": 1, "neg": 1, "num_samples": 4}
    crops = RandCropByKnownLabeld(**options), RandCropByPosNegLabeld(**options)
    for own, monai in zip(*(crop.set_random_state(seed=5)(case) for crop in crops), strict=True):
        assert own.keys() == monai.keys()
        assert torch.equal(own["image"], monai["image"])


def test_no_patch_is_centred_on_an_unknown_voxel():
    case = item(4)
    case["label"][:, 4:10] = 255
    crop = RandCropByKnownLabeld(KEYS, "label", (1, 1, 1), pos=1, neg=1, num_samples=300).set_random_state(seed=0)
    centres = torch.stack([patch["label"].flatten()[0] for patch in crop(case)])
    assert (centres != 255).all()
    assert 0.4 < (centres > 0).float().mean() < 0.6


def test_every_patch_of_a_cached_scan_has_the_weights_of_its_case():
    """Scans with lists of different length share batches; some have none, as MONAI Label gives them."""
    data = [item(0, annotated=[1, 2, 3]), item(1, annotated=[], pseudo=[14, 13]), item(2)]
    steps = [
        AnnotatedClassesd(pseudo_weight=0.5),
        SelectItemsd(["image", "label", "class_weights"]),
        RandCropByKnownLabeld(KEYS, "label", (6, 6, 6), num_samples=2),
        RandLeftRightFlipd(KEYS, per_class_keys="class_weights", prob=1.0),
    ]
    dataset = CacheDataset(data, Compose(steps).set_random_state(seed=0), cache_rate=1.0, progress=False)
    for _ in range(2):  # the second epoch would show a flip that changed the cached weights
        (batch,) = DataLoader(dataset, batch_size=3)
        assert batch["label"].shape == (6, 1, 6, 6, 6)
        assert batch["class_weights"].dtype == torch.float32
        known = [row.nonzero().flatten().tolist() for row in batch["class_weights"]]
        assert known == [[0, 1, 3, 13]] * 2 + [[0, 2, 14]] * 2 + [list(range(15))] * 2
        assert batch["class_weights"][2, 14] == 0.5


def test_masked_items_keep_all_else():
    case = AnnotatedClassesd()(item(5, annotated=[1, 2]))
    case["pred"] = MetaTensor(case["label"].as_tensor().clone())
    case["label"][:, :3] = 255
    masked = MaskUnannotatedd()(case)
    assert set(masked["label"].unique().tolist()) == {0, 1, 2}
    assert (masked["pred"][:, :3] == 0).all()
    assert torch.equal(masked["pred"][:, 3:], case["pred"][:, 3:])
    assert (case["label"][:, :3] == 255).all(), "the input item must not change"
    assert masked.keys() == case.keys()


def test_two_predictions_are_refused():
    with pytest.raises(ValueError, match="one prediction"):
        MaskUnannotatedd(["pred", "other"])

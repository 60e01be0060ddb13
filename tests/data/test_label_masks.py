"""merge_masks: each voxel is of the one class that the label set says, whatever the masks share."""

from __future__ import annotations

import numpy as np
import pytest

from swinx.data import merge_masks
from swinx.data.label_masks import merging_order
from swinx.labels import FLARE23, read_label_set

SHAPE = (8, 6, 5)
LUNG = read_label_set(
    {
        "labels": {"background": 0, "nodule": 1, "left lung lobe": 2, "right lung lobe": 3, "heart": 4},
        "classes": {"nodule": {"inside": ["left lung lobe", "right lung lobe"]}},
    }
)
NODULE, LEFT, RIGHT, HEART = 1, 2, 3, 4


def box(*sides: slice) -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    mask[sides] = 1
    return mask


def merged(masks: dict[int, np.ndarray], label_set=LUNG):
    return merge_masks(((label, masks[label]) for label in merging_order(masks, label_set)), label_set)


@pytest.mark.parametrize("name", ["flare23", "totalsegmentator"])
def test_masks_of_a_label_map_make_the_label_map(name):
    label_set = read_label_set(name)
    labels = np.random.default_rng(0).integers(0, label_set.num_classes, SHAPE).astype(np.uint8)
    found = {int(label): labels == label for label in np.unique(labels) if label}
    array, notes = merged(found, label_set)
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, labels)
    assert notes == ()


def test_a_lesion_is_not_hidden_by_the_organ_it_lies_in_wherever_it_stands_in_the_label_set():
    nodule, lobe = box(slice(2, 4), slice(2, 4), slice(1, 3)), box(slice(0, 6))
    array, notes = merged({NODULE: nodule, LEFT: lobe})
    np.testing.assert_array_equal(array == NODULE, nodule)
    np.testing.assert_array_equal(array == LEFT, lobe & ~nodule)
    assert notes == ()


def test_a_lesion_outside_its_hosts_is_refused_as_any_overlap():
    with pytest.raises(ValueError, match=r"masks of heart and nodule share 8 voxels, 100 % of the smaller one"):
        merged({NODULE: box(slice(2, 4), slice(2, 4), slice(1, 3)), HEART: box()})


def test_the_earlier_class_keeps_the_few_voxels_that_two_share_and_a_note_counts_them():
    left, right = box(slice(0, 4)), box(slice(4, 8))
    right[3, 0, 0] = 1
    array, notes = merged({RIGHT: right, LEFT: left})
    assert array[3, 0, 0] == LEFT
    assert notes == ("the masks of left lung lobe and right lung lobe share 1 voxels, which count as left lung lobe",)


def test_more_than_one_percent_of_the_smaller_mask_is_refused():
    left, right = box(slice(0, 4)), box(slice(4, 8), slice(0, 3), slice(0, 5))
    right[3, 0, 0] = 1
    with pytest.raises(ValueError, match=r"left lung lobe and right lung lobe share 1 voxels, 1\.64 % of the smaller"):
        merged({LEFT: left, RIGHT: right})


def test_tumours_of_flare23_lie_in_organs_but_in_no_vessel():
    tumor = box(slice(2, 4))
    assert (merged({14: tumor, 1: box()}, FLARE23)[0] == 14).sum() == tumor.sum()
    with pytest.raises(ValueError, match="aorta and tumor"):
        merged({14: tumor, 5: box()}, FLARE23)


def test_one_mask_is_held_at_a_time():
    alive = 0

    class Mask(np.ndarray):
        def __del__(self):
            nonlocal alive
            alive -= 1

    def masks():
        nonlocal alive
        for index in range(5):
            mask = np.zeros(SHAPE, np.uint8)
            mask[index] = 1
            held = np.ndarray.__new__(Mask, SHAPE, np.uint8, mask.tobytes())
            alive += 1
            assert alive <= 2, "the last one, and the one that replaces it"
            yield index + 1, held
            del held

    np.testing.assert_array_equal(merge_masks(masks(), FLARE23)[0][:, 0, 0], [1, 2, 3, 4, 5, 0, 0, 0])

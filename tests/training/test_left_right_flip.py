"""RandLeftRightFlipd: the right kidney never ends up as a right kidney on the left."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from swinx.labels import FlareLabel
from swinx.training import RandLeftRightFlipd


def case(affine):
    label = torch.zeros((1, 6, 5, 4))
    label[0, 0, 0, 0] = FlareLabel.RIGHT_KIDNEY
    label[0, 5, 0, 0] = FlareLabel.LIVER
    label[0, 0, 4, 0] = 255
    return {
        "image": MetaTensor(label + 0.5, affine=torch.as_tensor(affine)),
        "label": MetaTensor(label, affine=torch.as_tensor(affine)),
    }


def test_mirrored_right_kidney_becomes_left_kidney():
    out = RandLeftRightFlipd(["image", "label"], prob=1.0)(case(np.eye(4)))
    assert out["label"][0, 5, 0, 0] == FlareLabel.LEFT_KIDNEY
    assert out["label"][0, 0, 0, 0] == FlareLabel.LIVER
    assert out["label"][0, 5, 4, 0] == 255
    assert out["image"][0, 5, 0, 0] == FlareLabel.RIGHT_KIDNEY + 0.5, "intensities must only move"


def test_without_swapping_labels_only_move():
    out = RandLeftRightFlipd(["image", "label"], prob=1.0, swap_pairs=False)(case(np.eye(4)))
    assert out["label"][0, 5, 0, 0] == FlareLabel.RIGHT_KIDNEY


def test_mirroring_twice_changes_nothing():
    flip = RandLeftRightFlipd(["image", "label"], prob=1.0)
    start = case(np.eye(4))
    end = flip(flip(start))
    assert torch.equal(end["label"].as_tensor(), start["label"].as_tensor())
    assert torch.equal(end["image"].as_tensor(), start["image"].as_tensor())


def test_the_axis_follows_the_orientation():
    """In an image stored as PSR, left-right is the third array axis."""
    psr = np.array([[0, 0, 1.0, 0], [-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    out = RandLeftRightFlipd(["image", "label"], prob=1.0)(case(psr))
    assert out["label"][0, 0, 0, 3] == FlareLabel.LEFT_KIDNEY


@pytest.mark.parametrize("prob", [0.0, 0.3, 1.0])
def test_probability_is_kept(prob):
    flip = RandLeftRightFlipd(["image", "label"], prob=prob).set_random_state(seed=0)
    start = case(np.eye(4))
    flips = sum(not torch.equal(flip(start)["image"], start["image"]) for _ in range(200))
    assert abs(flips / 200 - prob) < 0.1

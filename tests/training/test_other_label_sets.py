"""Partial labels, flips and empty labels of any label set."""

from __future__ import annotations

import copy
import logging
import pickle

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from support.geometry import oblique_affine
from swinx.errors import CaseError
from swinx.labels import read_label_set
from swinx.training import AnnotatedClassesd, RandLeftRightFlipd, RefuseEmptyLabeld, take_as_absent

LUNGS = read_label_set({"background": 0, "left lung lobe": 1, "right lung lobe": 2, "nodule": 3})
MANY = read_label_set("totalsegmentator")


def labels_on(label_set, code: str = "LPS") -> MetaTensor:
    """Every class of a set in some voxel, on an oblique grid."""
    ids = np.arange(7 * 6 * 5).reshape(7, 6, 5) % label_set.num_classes
    return MetaTensor(torch.from_numpy(ids)[None].float(), affine=torch.as_tensor(oblique_affine(code)))


@pytest.mark.parametrize("label_set", [LUNGS, MANY])
@pytest.mark.parametrize("code", ["RAS", "PIR"])
def test_partners_trade_places_and_what_is_known_of_them_does_too(label_set, code):
    item = {"label": labels_on(label_set, code), "weights": torch.arange(label_set.num_classes).float()}
    flip = RandLeftRightFlipd("label", prob=1.0, per_class_keys="weights", label_set=label_set)
    out = flip(item)
    assert label_set.pairs
    axis = int(np.flatnonzero(nib.io_orientation(item["label"].affine.numpy())[:, 0] == 0)[0])
    mirrored = item["label"].as_tensor().flip(1 + axis)
    partner = {a: b for pair in label_set.pairs for a, b in (pair, pair[::-1])}
    for label in range(label_set.num_classes):
        there = partner.get(label, label)
        assert torch.equal(out["label"].as_tensor() == there, mirrored == label), label_set.names[label]
        assert out["weights"][there] == label


def test_names_tell_the_partners():
    assert sorted(map(sorted, LUNGS.pairs)) == [[1, 2]]
    out = RandLeftRightFlipd("label", prob=1.0, swap_pairs=False, label_set=LUNGS)({"label": labels_on(LUNGS)})
    assert set(out["label"].unique().tolist()) == {0, 1, 2, 3}


def test_weights_have_a_place_for_every_class():
    assert AnnotatedClassesd(label_set=LUNGS)({"annotated": [1, 3]})["class_weights"].tolist() == [1, 1, 0, 1]
    assert len(AnnotatedClassesd(label_set=MANY)({"annotated": [117]})["class_weights"]) == 118
    with pytest.raises(ValueError, match=r"annotated holds 4; class ids are 1\.\.3"):
        AnnotatedClassesd(label_set=LUNGS)({"annotated": [4]})


def test_classes_without_any_annotation_are_named(caplog):
    with caplog.at_level(logging.WARNING):
        found = take_as_absent([{"annotated": [2]}, {"annotated": [1, 2]}], LUNGS)
    assert [item["annotated"] for item in found] == [[2, 3], [1, 2, 3]]
    assert "nodule" in caplog.text
    assert "tumor" not in caplog.text
    assert take_as_absent([{"annotated": [1, 2, 3]}], LUNGS) == [{"annotated": [1, 2, 3]}]


def test_an_empty_label_is_a_finding_unless_all_classes_of_the_set_were_looked_for():
    empty = torch.zeros(1, 3, 3, 3)
    refuse = RefuseEmptyLabeld("label", label_set=LUNGS)
    refuse({"label": empty, "annotated": [1, 2]})
    with pytest.raises(CaseError):
        refuse({"label": empty, "annotated": [1, 2, 3]})


@pytest.mark.parametrize("made", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_transforms_reach_the_workers_of_a_loader(made):
    dict(LUNGS.colours)  # what was asked of the set before does not matter
    for transform in (
        AnnotatedClassesd(label_set=LUNGS),
        RandLeftRightFlipd("label", label_set=LUNGS),
        RefuseEmptyLabeld("label", label_set=LUNGS),
    ):
        assert type(made(transform)) is type(transform)

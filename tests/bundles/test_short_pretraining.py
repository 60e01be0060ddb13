"""Overlays for small budgets: short.json over the pretraining's train.json, pretrained.json over the segmentation's."""

from __future__ import annotations

import json

import pytest
import torch
from monai.bundle import ConfigParser

from support.bundles import CONFIGS, PRETRAINING, ROOT, SMALL, SMALL_PRETRAINING
from swinx.bundle import SETTINGS, read_setting
from swinx.networks import SwinXSeg
from swinx.pretraining import RandBlockMaskd

TINY = {"embed_dim": 4, "num_heads": [1, 2, 2, 4]}


def content(name: str, folder: str) -> dict:
    return json.loads((ROOT / folder / f"{name}.json").read_text())


def parser(folder: str, *overlays: str, **settings) -> ConfigParser:
    merged = ConfigParser.load_config_files([str(ROOT / folder / f"{name}.json") for name in ("train", *overlays)])
    return ConfigParser(merged | settings)


@pytest.mark.parametrize(("folder", "overlay"), [(PRETRAINING, "short"), (CONFIGS, "pretrained")])
def test_an_overlay_changes_settings_that_the_training_has(folder, overlay):
    training, changes = content("train", folder), content(overlay, folder)
    assert changes.keys() <= training.keys()
    for name, value in changes.items():
        assert value != training[name], name
        if not isinstance(value, str) or not value.startswith("$"):
            read_setting(SETTINGS[name], value)


def test_a_short_pretraining_is_by_masked_image_prediction_alone_and_runs_no_teacher():
    sizes = {name: value for name, value in SMALL_PRETRAINING.items() if name != "block_size"} | TINY
    configured = parser(PRETRAINING, "short", **sizes)
    network = configured.get_parsed_content("network_def")
    assert not network.distil
    assert configured.get_parsed_content("loss").weights == (1.0, 0.0, 0.0)
    assert not parser(PRETRAINING, **sizes).get_parsed_content("network_def").student.reconstruction.weight.any()
    assert parser(PRETRAINING, **sizes).get_parsed_content("network_def").distil


@pytest.mark.parametrize(("mm", "sides"), [(None, (16, 16, 16)), (16.0, (4, 4, 4)), (32.0, (8, 8, 8))])
def test_blocks_follow_their_length_in_mm(mm, sides):
    configured = parser(PRETRAINING, **SMALL_PRETRAINING, mask_block_mm=mm)
    masks = next(
        index
        for index, step in enumerate(configured["train"]["preprocessing"]["transforms"])
        if isinstance(step, dict) and step["_target_"].endswith("RandBlockMaskd")
    )
    transform = configured.get_parsed_content(f"train::preprocessing::transforms::{masks}")
    assert isinstance(transform, RandBlockMaskd)
    assert transform.block_size == sides


def test_the_papers_protocol_has_none_of_the_additions():
    training = content("train", PRETRAINING)
    assert (training["mask_block_mm"], training["recolour_prob"], training["reconstruction_head"]) == (
        None,
        0,
        "linear",
    )
    segmentation = content("train", CONFIGS)
    assert segmentation["encoder_learning_rate"] is None
    assert (segmentation["layer_decay"], segmentation["freeze_encoder_epochs"]) == (1.0, 0)
    assert segmentation["decay_norms"] is True
    assert "unlabeled" in training["section"]
    assert "training" in training["section"]


def test_a_training_has_one_group_by_default_and_rates_by_depth_from_a_pretrained_encoder():
    sizes = SMALL | TINY | {"decoder_channels": 4, "device": torch.device("cpu")}
    plain, fine = (parser(CONFIGS, *overlays, **sizes) for overlays in ((), ("pretrained",)))
    for configured in (plain, fine):
        configured["label_set"] = "$__import__('swinx.labels', fromlist=['FLARE23']).FLARE23"
    (group,) = plain.get_parsed_content("optimizer").param_groups
    assert (group["lr"], group["weight_decay"]) == (2e-4, 1e-5)
    network = fine.get_parsed_content("network_def")
    assert isinstance(network, SwinXSeg)
    groups = fine.get_parsed_content("optimizer").param_groups
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    rates = sorted({group["lr"] for group in groups}, reverse=True)
    assert rates[:2] == pytest.approx([2e-4, 2e-5])
    assert rates[-1] == pytest.approx(2e-5 * 0.9**8)
    assert {group["weight_decay"] for group in groups} == {0.0, 1e-5}
    assert fine.get_parsed_content("freeze_encoder_epochs") == fine["max_epochs"] // 2

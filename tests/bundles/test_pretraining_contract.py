"""The pretraining bundle's configurations agree with each other, with the segmentation's, and with the paper."""

from __future__ import annotations

import json

import pytest
from monai.bundle import ConfigWorkflow

from support.bundles import CONFIGS, PRETRAINING, ROOT, SMALL_PRETRAINING, default_of
from swinx.bundle import SETTINGS, read_setting, settings_of_network

FOLDER = ROOT / PRETRAINING
PREPROCESSING = ["pixdim", "window_hu", "body_crop", "body_margin_mm", "antialias"]
ENCODER = ["embed_dim", "depths", "num_heads", "qkv_bias", "use_checkpoint", "published_window_order"]
# What training and inference both have, each its own.
OF_EACH = {"imports", "section", "checkpoint", "num_workers", "network_def", "reader", "run"}
HEADS = ["out_dim", "hidden_dim", "bottleneck_dim", "shared_head"]


def content(name: str, folder=FOLDER) -> dict:
    return json.loads((folder / f"{name}.json").read_text())


def test_the_papers_protocol_is_the_default():
    train = content("train")
    assert train["roi_size"] == [96, 96, 96]
    assert train["region_size"] == [128, 128, 128]
    assert (train["block_size"], train["mask_ratio"]) == (16, 0.7)
    assert (train["max_epochs"], train["warmup_epochs"]) == (500, 20)
    assert train["learning_rate"] / train["scans_per_batch"] == pytest.approx(1e-4)
    assert [train[f"{term}_weight"] for term in ("masked_prediction", "patch", "image")] == [1.0, 0.1, 0.1]
    assert [train[setting] for setting in HEADS] == [8192, 2048, 256, False]
    assert (train["teacher_momentum"], train["max_gradient_norm"]) == (0.996, 3.0)
    assert train["student_temperature"] == 0.1
    assert (train["teacher_temperature"], train["final_teacher_temperature"]) == (0.04, 0.07)
    assert (train["temperature_ramp_epochs"], train["patch_temperature_delay_epochs"]) == (30, 30)
    assert (train["centre_momentum"], train["image_temperature_delay_epochs"]) == (0.9, 0)


def test_what_the_configurations_repeat_agrees():
    train, other = content("train"), content("inference")
    repeated = (train.keys() & other.keys()) - OF_EACH
    assert {*settings_of_network(other), "intensity", "ct_preprocessing", "block_size", "mask_ratio"} <= repeated
    assert {name for name in repeated if train[name] != default_of(name, other[name])} == set()
    assert other["reader"] == {**train["reader"], "trained": True}
    student = train["network_def"]["student"]
    of_training = {"drop_path_rate": "@drop_path_rate", "use_checkpoint": "@use_checkpoint"}
    assert student == other["network_def"] | {"encoder": other["network_def"]["encoder"] | of_training}


def test_the_encoder_and_its_input_are_those_of_the_segmentation():
    train, segmentation = content("train"), content("train", ROOT / CONFIGS)
    for setting in [*PREPROCESSING, *ENCODER, "roi_size"]:
        assert train[setting] == segmentation[setting], setting
    encoder, network = train["network_def"]["student"]["encoder"], segmentation["network_def"]
    for name in encoder.keys() & network.keys() - {"_target_"}:
        assert encoder[name] == network[name], name


def test_the_demo_s_encoder_is_that_of_the_segmentation_s_demo():
    mine, other = content("demo"), content("demo", ROOT / CONFIGS)
    for setting in ("embed_dim", "num_heads", "pixdim", "antialias", "roi_size"):
        assert mine[setting] == other[setting], setting


def test_health_is_measured_before_it_is_judged_and_judged_before_anything_is_saved():
    train = content("train")
    handlers = [train[item[1:]] if isinstance(item, str) else item for item in train["train"]["handlers"]]
    order = [handler["_target_"].rpartition(".")[2] for handler in handlers]
    for earlier, later in (
        ("PretrainingHealth", "TrainingHistory"),
        ("TrainingHistory", "CollapseDetector"),
        ("CollapseDetector", "TimeLimit"),
        ("TimeLimit", "ReconstructionPictures"),
        ("TimeLimit", "LatestModel"),
        ("LatestModel", "TrainingState"),
    ):
        assert order.index(earlier) < order.index(later), (earlier, later)


def test_monai_misses_no_property_of_the_training(cohort, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    workflow = ConfigWorkflow(
        config_file=str(FOLDER / "train.json"),
        workflow_type="train",
        dataset_dir=str(cohort / "images"),
        output_dir=str(tmp_path),
        **SMALL_PRETRAINING,
    )
    workflow.initialize()
    assert workflow.check_properties() == []


def test_a_training_may_go_on_whatever_its_health():
    assert read_setting(SETTINGS["collapse_patience"], 0) == 0


def test_metadata_tell_the_version_and_its_changes():
    metadata = content("metadata")
    assert metadata["version"] in metadata["changelog"]
    assert metadata["network_data_format"]["outputs"]["pred"]["num_channels"] == 1

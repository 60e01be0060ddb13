"""The overlay strong.json: it trains over train.json, keeps the mean of the weights, and resumes with it."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Compose

from support.bundles import CONFIGS, ROOT, SMALL, run_bundle
from swinx import load_model
from swinx.labels import UNKNOWN

FILES = ["train", "strong"]


@pytest.fixture(scope="module")
def trained(cohort, tmp_path_factory):
    """A training of one epoch, gone on with for a second one."""
    out = tmp_path_factory.mktemp("strong")
    options = {"dataset_dir": cohort, "output_dir": out, "checkpoint": out / "model.pt", "mlflow": False}
    for epochs in (1, 2):
        finished = run_bundle("training", FILES, max_epochs=epochs, warmup_epochs=0, **options, **SMALL)
        assert finished.returncode == 0, finished.stderr[-3000:]
    return out


@pytest.mark.slow
def test_it_trains_validates_and_resumes(trained):
    history = pd.read_csv(trained / "history.csv")
    assert history["epoch"].tolist() == [1, 2]
    assert np.isfinite(history["train_loss"]).all()
    assert np.isfinite(history["val_mean_organ_dice"]).all()


@pytest.mark.slow
def test_the_mean_of_the_weights_is_what_is_kept(trained):
    state = torch.load(trained / "training_state.pt", weights_only=True)
    mean, last = state["modules"]["ema"], state["network"]
    assert any(not torch.equal(mean[name], last[name]) for name in last)
    kept = torch.load(trained / "model.pt", weights_only=True)
    if json.loads((trained / "model.json").read_text())["epoch"] == 2:
        assert all(torch.equal(kept[name], mean[name]) for name in mean)
    assert not any("running_mean" in name for name in kept)


@pytest.mark.slow
def test_the_record_names_the_norm_so_that_inference_builds_the_same_network(trained):
    assert json.loads((trained / "model.json").read_text())["settings"]["norm"] == "group"


@pytest.mark.slow
def test_the_layers_of_the_deep_supervision_are_kept_for_a_resumed_training_and_are_not_in_the_weights(trained):
    state = torch.load(trained / "training_state.pt", weights_only=True)
    heads = state["modules"]["deep_supervision"]
    assert {name.split(".")[0] for name in heads} == {"0", "1"}, "a half and a quarter of the resolution"
    assert not any("heads" in name for name in state["network"])
    assert torch.load(trained / "model.pt", weights_only=True).keys() == state["network"].keys()
    assert len(state["optimizer"]["state"]) > len(heads), "their moments are there, too"
    assert json.loads((trained / "model.json").read_text())["settings"]["deep_supervision"] is True


@pytest.mark.slow
def test_inference_builds_the_network_of_the_weights_without_a_setting(trained, cohort):
    model = load_model(trained / "model.pt", progress=False, backend="torch")
    scan = next((cohort / "images").glob("testing_*.nii.gz"))
    found = model.segment(scan, progress=False).image
    assert found.shape[-3:] == nib.load(scan).shape


def test_what_is_kept_is_the_mean_and_what_is_trained_is_the_network():
    parser = ConfigParser()
    parser.read_config([str(ROOT / CONFIGS / f"{name}.json") for name in FILES])
    parser.parse()
    saved = {
        handler["_target_"].rpartition(".")[2]: handler
        for handler in [*parser["train"]["handlers"], *parser["validate"]["handlers"]]
        if isinstance(handler, dict) and "network" in handler
    }
    assert saved["LatestModel"]["network"] == saved["BestModel"]["network"] == "@saved_network"
    assert parser["saved_network"] == "@mean_network"
    assert saved["TrainingState"]["network"] == "@network_def"
    assert saved["TrainingState"]["modules"] == "@kept_modules"
    assert parser["kept_modules"]["ema"] == "@mean_network"
    assert "deep_supervision" in parser["kept_modules"]


def crops(label, count):
    """Patches of the overlay's own crop from a scan with this label ``(X, Y, Z)``."""
    content = ConfigParser.load_config_files([str(ROOT / CONFIGS / f"{name}.json") for name in FILES])
    steps = content["train"]["random_transforms"]
    step = next(step for step in steps if step["_target_"] == "RandCropByLabelClassesd")
    values = {"spatial_size": [8, 8, 8], "num_classes": 3, "num_samples": count}
    crop = ConfigParser({"crop": step | values}).get_parsed_content("crop")
    volume = MetaTensor(torch.as_tensor(label)[None])
    return Compose([crop]).set_random_state(0)({"image": volume.float(), "label": volume})


def test_patches_are_around_every_class_in_turn_and_never_around_unknown_voxels():
    label = np.zeros((40, 40, 40), dtype=np.uint8)
    label[20:, :, :] = UNKNOWN
    label[5:8, 5:8, 5:8] = 1  # 27 voxels of one class
    label[5:15, 20:30, 20:30] = 2  # 1,000 of another
    patches = crops(label, 120)
    centres = np.array([int(patch["label"][0, 4, 4, 4]) for patch in patches])
    assert UNKNOWN not in centres
    shares = [(centres == value).mean() for value in range(3)]
    assert min(shares) > 0.2

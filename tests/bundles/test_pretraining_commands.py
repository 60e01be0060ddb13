"""The pretraining's documented commands, from scans to a segmentation that takes the encoder over."""

from __future__ import annotations

import json
import signal
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow.tracking import MlflowClient

from support.bundles import (
    PRETRAINING,
    ROOT,
    SMALL,
    SMALL_PRETRAINING,
    arguments,
    bundle_command,
    run,
    run_bundle,
    spheres,
    start,
)
from support.ct_series import write_ct_series
from support.warm_programs import run_in_processes

pytestmark = pytest.mark.slow

SETTINGS = SMALL_PRETRAINING | {
    "region_size": [36, 36, 36],
    "scans_per_batch": 2,
    "learning_rate": 2e-4,
    "max_epochs": 3,
    "warmup_epochs": 1,
    "temperature_ramp_epochs": 2,
    "patch_temperature_delay_epochs": 1,
    "step_interval": 1,
    "picture_interval": 2,
}


def settings(folder, cohort):
    return SETTINGS | {"dataset_dir": cohort / "images", "output_dir": folder / "out", "checkpoint": folder / "ssl.pt"}


@pytest.fixture(scope="module")
def pretrained(cohort, tmp_path_factory):
    """A folder of eight scans, three epochs of four steps."""
    folder = tmp_path_factory.mktemp("pretrained")
    finished = run_bundle("training", "train", configs=PRETRAINING, **settings(folder, cohort))
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "padded" in finished.stderr + finished.stdout  # these scans are smaller than a view
    return folder


def test_it_leaves_model_tables_pictures_and_log(pretrained):
    out = pretrained / "out"
    history, steps = pd.read_csv(out / "history.csv"), pd.read_csv(out / "steps.csv")
    assert history["epoch"].tolist() == [1, 2, 3]
    assert steps["iteration"].tolist() == list(range(1, 13))
    health = {"rankme", "gradient_norm", "patch_mean_entropy", "patch_entropy_of_mean", "patch_agreement"}
    health |= {"image_mean_entropy", "image_entropy_of_mean", "image_agreement", "patch_centre_norm"}
    assert health <= set(history.columns)
    assert np.isfinite(history[sorted(health)].to_numpy()).all()
    record = json.loads((pretrained / "ssl.json").read_text())
    assert record["epoch"] == 3
    assert record["metrics"]["rankme"] == pytest.approx(history["rankme"].iloc[-1])
    pictures = sorted(path.name for path in (out / "reconstructions").iterdir())
    assert pictures == ["epoch_0002.png", "epoch_0003.png"]
    assert "Epoch" in (out / "training.log").read_text()


def test_a_folder_gives_its_nifti_files_its_series_and_no_output_of_its_own(cohort, tmp_path):
    scans = tmp_path / "scans"
    scans.mkdir()
    for image in sorted((cohort / "images").iterdir())[:2]:
        (scans / image.name).symlink_to(image)
    write_ct_series(scans / "patient" / "study" / "series", spheres(1)[0].clip(-1024), np.diag([-4.0, -4.0, 5.0, 1.0]))
    (scans / "out").mkdir()
    (scans / "out" / "old.nii.gz").symlink_to(image)
    more = {"max_epochs": 1, "picture_interval": 0, "patch_temperature_delay_epochs": 0, "temperature_ramp_epochs": 1}
    where = {"dataset_dir": scans, "output_dir": scans / "out"}
    finished = run_bundle("training", "train", configs=PRETRAINING, **(settings(tmp_path, cohort) | more | where))
    assert finished.returncode == 0, finished.stderr[-3000:]
    log = (scans / "out" / "training.log").read_text()
    assert ": 3 (2 NIfTI, 1 DICOM series); skipped 1: out (the output folder)" in log


def test_the_tracker_has_the_health_of_every_epoch_and_the_loss_of_every_step(cohort, tmp_path):
    more = {"tracking": "mlflow", "max_epochs": 2, "picture_interval": 0}
    finished = run_bundle("training", "train", configs=PRETRAINING, **(settings(tmp_path, cohort) | more))
    assert finished.returncode == 0, finished.stderr[-3000:]
    (database,) = tmp_path.rglob("*.db")
    client = MlflowClient(tracking_uri=f"sqlite:///{database}")
    (run_of_it,) = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    history = pd.read_csv(tmp_path / "out" / "history.csv")
    for name in ("patch_information", "image_entropy_of_mean", "patch_centre_norm", "patch_agreement", "rankme"):
        logged = [metric.value for metric in client.get_metric_history(run_of_it.info.run_id, name)]
        assert logged == pytest.approx(history[name].tolist()), name
    assert len(client.get_metric_history(run_of_it.info.run_id, "train_loss")) == 8


def test_momentum_and_rate_follow_their_schedules_over_the_whole_run(pretrained):
    steps = pd.read_csv(pretrained / "out" / "steps.csv")
    done = np.arange(12)
    np.testing.assert_allclose(steps["teacher_momentum"], 1 - (1 + np.cos(np.pi * done / 12)) / 2, atol=1e-9)
    warm = 0.01 + 0.99 * done / 4
    cosine = 0.5 * (1 + np.cos(np.pi * (done - 4) / 8))
    np.testing.assert_allclose(steps["learning_rate"], 2e-4 * np.where(done < 4, warm, cosine), rtol=1e-6)
    assert steps.groupby("epoch")["image_temperature"].first().tolist() == pytest.approx([0.04, 0.07, 0.07])
    assert steps.groupby("epoch")["patch_temperature"].first().tolist() == pytest.approx([0.04, 0.04, 0.07])


def test_the_segmentation_takes_all_of_the_encoder(pretrained, cohort, tmp_path):
    finished = run_bundle(
        "training",
        "train",
        dataset_dir=cohort,
        output_dir=tmp_path / "out",
        checkpoint=tmp_path / "model.pt",
        pretrained=pretrained / "ssl.pt",
        max_epochs=1,
        **SMALL,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "100.0% of the encoder" in finished.stdout + finished.stderr


def test_the_state_of_the_pretraining_serves_as_well(pretrained, cohort, tmp_path):
    finished = run_bundle(
        "training",
        "train",
        dataset_dir=cohort,
        output_dir=tmp_path / "out",
        checkpoint=tmp_path / "model.pt",
        pretrained=pretrained / "out" / "training_state.pt",
        max_epochs=1,
        **SMALL,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "100.0% of the encoder" in finished.stdout + finished.stderr


def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(pretrained, cohort, tmp_path):
    """Kill -9 as soon as the first epoch is on record, then run the same command again."""
    command = bundle_command("training", "train", PRETRAINING, **settings(tmp_path, cohort))
    process = start(command)
    state, deadline = tmp_path / "out" / "training_state.pt", time.monotonic() + 600
    while time.monotonic() < deadline and process.poll() is None and not state.is_file():
        time.sleep(0.01)
    assert process.poll() is None, "the training ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert torch.load(state, weights_only=True)["epoch"] < 3
    finished = run(command)
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "resumed from" in finished.stderr + finished.stdout
    one, two = (torch.load(f / "out" / "training_state.pt", weights_only=True) for f in (pretrained, tmp_path))
    assert not _differing(one, two)
    assert any(name.startswith("teacher.") for name in one["network"])
    left, right = (pd.read_csv(f / "out" / "steps.csv") for f in (pretrained, tmp_path))
    pd.testing.assert_frame_equal(left, right, check_exact=True)


def _differing(one, two, name="state") -> list[str]:
    """Name every entry in which two states differ by as much as a bit."""
    if isinstance(one, torch.Tensor):
        return [] if torch.equal(one, two) else [name]
    if isinstance(one, dict):
        missing = [f"{name}.{key}" for key in one.keys() ^ two.keys()]
        return missing + [w for key in one.keys() & two.keys() for w in _differing(one[key], two[key], f"{name}.{key}")]
    if isinstance(one, list):
        return [w for i, (a, b) in enumerate(zip(one, two, strict=True)) for w in _differing(a, b, f"{name}[{i}]")]
    return [] if one == two else [name]


def test_two_processes_train_one_student(cohort, tmp_path):
    files = str([f"{PRETRAINING}/train.json", f"{PRETRAINING}/multi_gpu_train.json"])
    command = ["-m", "monai.bundle", "run", "training", "--config_file", files]
    finished = run_in_processes([*command, *arguments(**settings(tmp_path, cohort))], ROOT)
    assert finished.returncode == 0, finished.stderr[-3000:]
    steps = pd.read_csv(tmp_path / "out" / "steps.csv")
    # Eight scans on two processes, two scans a step: two steps an epoch, where one process takes four.
    assert steps["iteration"].tolist() == list(range(1, 7))
    assert steps["learning_rate"].max() == pytest.approx(2e-4)
    state = torch.load(tmp_path / "out" / "training_state.pt", weights_only=True)
    assert not any(name.startswith("module.") for name in state["network"])
    assert pd.read_csv(tmp_path / "out" / "history.csv")["rankme"].notna().all()


def test_a_data_list_and_another_start_from_inside_the_bundle(pretrained, cohort, tmp_path):
    command = [sys.executable, "-m", "monai.bundle", "run", "training", "--config_file", "configs/train.json"]
    more = {"dataset_dir": cohort, "section": "training", "max_epochs": 1, "pretrained": pretrained / "ssl.pt"}
    finished = run([*command, *arguments(**(settings(tmp_path, cohort) | more))], cwd=ROOT / "bundles" / "ssl_smit")
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "100.0% of the encoder" in finished.stdout + finished.stderr
    assert pd.read_csv(tmp_path / "out" / "steps.csv")["iteration"].tolist() == [1, 2]
    state = torch.load(tmp_path / "out" / "training_state.pt", weights_only=True)["network"]
    start = torch.load(pretrained / "ssl.pt", weights_only=True)
    name = "encoder.stages.0.blocks.0.attn.qkv.weight"
    teacher = (state[f"teacher.{name}"] - start[name]).abs().max()
    assert teacher < 1e-4, "the teacher must start from the student that was loaded"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset_dir": "EMPTY"}, "no scans found in"),
        ({"block_size": 24}, "block_size is 24"),
        ({"block_size": 5}, "does not fit"),
        ({"mask_ratio": 1.0}, "mask_ratio is 1"),
        ({"roi_size": [32, 32, 48], "region_size": [36, 36, 52]}, "multiples of 32"),
        ({"region_size": [24, 36, 36]}, "region_size"),
        ({"pretrained": "nowhere.pt"}, "no such file"),
        ({"max_epochs": 1, "learning_rate": 1e9}, "learning_rate"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(cohort, tmp_path, changes, message):
    (tmp_path / "empty").mkdir()
    if changes.get("dataset_dir") == "EMPTY":
        changes = {"dataset_dir": tmp_path / "empty"}
    finished = run_bundle("training", "train", configs=PRETRAINING, **(settings(tmp_path, cohort) | changes))
    assert finished.returncode != 0
    assert message in finished.stderr.rpartition("stopped: ")[2], finished.stderr[-2000:]
    assert not (tmp_path / "ssl.pt").exists()


def test_the_state_of_other_scans_or_masks_is_refused(pretrained, cohort):
    for changes in ({"mask_ratio": 0.5}, {"dataset_dir": cohort, "section": "training"}):
        finished = run_bundle("training", "train", configs=PRETRAINING, **(settings(pretrained, cohort) | changes))
        assert finished.returncode != 0
        last = finished.stderr.rpartition("stopped: ")[2]
        assert "state of another training" in last
        assert ("mask_ratio" if "mask_ratio" in changes else "cases") in last


def test_the_full_size_network_takes_a_step(cohort, tmp_path):
    """The paper's network, heads and defaults; only view, spacing and batch are small."""
    small = {name: SETTINGS[name] for name in ("roi_size", "region_size", "pixdim", "progress", "num_workers")}
    small |= {"max_epochs": 1, "scans_per_batch": 1, "section": "validation", "picture_interval": 0}
    small |= {"dataset_dir": cohort, "output_dir": tmp_path / "out", "checkpoint": tmp_path / "ssl.pt"}
    finished = run_bundle("training", "train", configs=PRETRAINING, **small)
    assert finished.returncode == 0, finished.stderr[-3000:]
    tensors = torch.load(tmp_path / "ssl.pt", weights_only=True)
    assert tensors["reconstruction.weight"].shape == (32768, 768, 1, 1, 1)
    assert tensors["image_head.last_layer.weight"].shape == (8192, 256)

"""A training that is killed and started again ends where an uninterrupted one ends."""

from __future__ import annotations

import signal
import time

import numpy as np
import pandas as pd
import pytest
import torch

from support.bundles import SMALL, bundle_command, run_bundle, start

pytestmark = pytest.mark.slow

SETTINGS = SMALL | {"max_epochs": 3, "warmup_epochs": 1, "learning_rate": 0.002}


def settings(folder, cohort):
    return SETTINGS | {"dataset_dir": cohort, "output_dir": folder / "out", "checkpoint": folder / "model.pt"}


@pytest.fixture(scope="module")
def uninterrupted(cohort, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    finished = run_bundle("training", "train", **settings(folder, cohort))
    assert finished.returncode == 0, finished.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def killed(cohort, tmp_path_factory):
    """Kill -9 as soon as the first epoch is on record, then run the same command again."""
    folder = tmp_path_factory.mktemp("killed")
    command = bundle_command("training", "train", **settings(folder, cohort))
    process = start(command)
    state, deadline = folder / "out" / "training_state.pt", time.monotonic() + 600
    while time.monotonic() < deadline and process.poll() is None:
        if state.is_file() and torch.load(state, weights_only=True)["epoch"] >= 1:
            break
        time.sleep(0.01)
    assert process.poll() is None, "the training ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = run_bundle("training", "train", **settings(folder, cohort))
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "resumed from" in finished.stderr + finished.stdout
    return folder


def test_loss_curve_and_metrics_are_the_same(uninterrupted, killed):
    one, two = (pd.read_csv(folder / "out" / "history.csv") for folder in (uninterrupted, killed))
    assert one["epoch"].tolist() == two["epoch"].tolist() == [1, 2, 3]
    for column in ("train_loss", "learning_rate", "val_mean_organ_dice"):
        np.testing.assert_allclose(one[column], two[column], rtol=1e-4, atol=1e-6)


def test_final_state_is_the_same(uninterrupted, killed):
    one, two = (
        torch.load(folder / "out" / "training_state.pt", weights_only=True) for folder in (uninterrupted, killed)
    )
    assert one["best_metric"] == pytest.approx(two["best_metric"], abs=1e-4)
    assert one["best_metric_epoch"] == two["best_metric_epoch"]
    assert one["lr_steps"] == two["lr_steps"]
    for name, tensor in one["network"].items():
        torch.testing.assert_close(tensor, two["network"][name], rtol=1e-3, atol=1e-4)


def test_a_finished_training_is_not_repeated(uninterrupted, cohort):
    before = (uninterrupted / "out" / "history.csv").read_text()
    finished = run_bundle("training", "train", **settings(uninterrupted, cohort))
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert (uninterrupted / "out" / "history.csv").read_text() == before


def test_state_of_another_network_is_refused(uninterrupted, cohort):
    finished = run_bundle("training", "train", **settings(uninterrupted, cohort) | {"decoder_channels": 16})
    assert finished.returncode != 0
    assert "cannot resume from" in finished.stderr.rpartition("stopped: ")[2]

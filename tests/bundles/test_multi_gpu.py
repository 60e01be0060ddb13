"""Two processes train together by torchrun, here on CPUs through gloo."""

from __future__ import annotations

import json
import subprocess

import pandas as pd
import pytest
import torch

from support.bundles import CONFIGS, ROOT, SMALL, arguments
from support.warm_programs import run_in_processes

pytestmark = pytest.mark.slow


FILES = str([f"{CONFIGS}/train.json", f"{CONFIGS}/multi_gpu_train.json"])
TRAIN = ["monai.bundle", "run", "training", "--config_file", FILES]
KILLED_ONCE = """
import os, runpy, signal, sys, threading, time
from pathlib import Path

def die():
    while not state.is_file():
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGKILL)

state = Path(sys.argv.pop())
if os.environ["RANK"] == "1" and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
    threading.Thread(target=die, daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
"""


def train(settings: dict[str, object]) -> subprocess.CompletedProcess[str]:
    return run_in_processes(["-m", *TRAIN, *arguments(**settings)], ROOT)


def test_two_processes_train_one_model(cohort, tmp_path):
    settings = SMALL | {
        "max_epochs": 2,
        "time_limit_minutes": 30,
        "deep_supervision": True,
        "dataset_dir": cohort,
        "output_dir": tmp_path,
        "checkpoint": tmp_path / "m.pt",
    }
    finished = train(settings)
    assert finished.returncode == 0, finished.stderr[-3000:]
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["epoch"].tolist() == [1, 2]
    state = torch.load(tmp_path / "training_state.pt", weights_only=True)
    # Four scans on two processes: two steps an epoch, where one process would take four.
    assert state["lr_steps"] == 4
    assert not any(name.startswith("module.") for name in state["network"])
    assert torch.load(tmp_path / "m.pt", weights_only=True).keys() == state["network"].keys()
    assert not any(name.startswith("module.") for name in state["modules"]["deep_supervision"])
    assert state["modules"]["deep_supervision"]


def test_more_processes_than_validation_cases_do_not_wait_for_each_other(cohort, tmp_path):
    lists = json.loads((cohort / "datalist.json").read_text())
    lists["validation"] = lists["validation"][:1]
    (cohort / "one_validation_case.json").write_text(json.dumps(lists))
    settings = SMALL | {"max_epochs": 1, "dataset_dir": cohort, "output_dir": tmp_path, "checkpoint": tmp_path / "m.pt"}
    settings |= {"datalist": cohort / "one_validation_case.json"}
    finished = train(settings)
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert (tmp_path / "m.pt").is_file()


def test_a_process_that_dies_is_started_again_and_goes_on_where_it_was(cohort, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    (tmp_path / "train.py").write_text(KILLED_ONCE)
    settings = SMALL | {"max_epochs": 4, "mlflow": False, "dataset_dir": cohort, "output_dir": tmp_path}
    words = [*TRAIN, *arguments(**settings, checkpoint=tmp_path / "m.pt"), tmp_path / "training_state.pt"]
    finished = run_in_processes([tmp_path / "train.py", *words], ROOT, restarts=1)
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert pd.read_csv(tmp_path / "history.csv")["epoch"].tolist() == [1, 2, 3, 4]
    assert "training_state.pt after epoch 1 of 4" in (tmp_path / "training.log").read_text()


def test_restarts_that_would_wait_for_the_dead_are_refused(cohort, tmp_path):
    settings = {"dataset_dir": cohort, "output_dir": tmp_path, "checkpoint": tmp_path / "m.pt"}
    finished = run_in_processes(["-m", *TRAIN, *arguments(**SMALL | settings)], ROOT, restarts=1)
    assert finished.returncode == 1
    assert "set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 in the environment of torchrun" in finished.stderr

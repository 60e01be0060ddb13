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


def train(settings: dict[str, object]) -> subprocess.CompletedProcess[str]:
    files = str([f"{CONFIGS}/train.json", f"{CONFIGS}/multi_gpu_train.json"])
    words = ["-m", "monai.bundle", "run", "training", "--config_file", files, *arguments(**settings)]
    return run_in_processes(words, ROOT)


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

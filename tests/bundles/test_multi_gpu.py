"""Two processes train together by torchrun, here on CPUs through gloo."""

from __future__ import annotations

import json
import sys

import pandas as pd
import pytest
import torch

from support.bundles import CONFIGS, SMALL, arguments, run

pytestmark = pytest.mark.slow

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]


def test_two_processes_train_one_model(cohort, tmp_path):
    files = str([f"{CONFIGS}/train.json", f"{CONFIGS}/multi_gpu_train.json"])
    settings = SMALL | {
        "max_epochs": 2,
        "time_limit_minutes": 30,
        "dataset_dir": cohort,
        "output_dir": tmp_path,
        "checkpoint": tmp_path / "m.pt",
    }
    finished = run(
        [*TORCHRUN, "-m", "monai.bundle", "run", "training", "--config_file", files, *arguments(**settings)],
        timeout=400,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["epoch"].tolist() == [1, 2]
    state = torch.load(tmp_path / "training_state.pt", weights_only=True)
    # Four scans on two processes: two steps an epoch, where one process would take four.
    assert state["lr_steps"] == 4
    assert not any(name.startswith("module.") for name in state["network"])
    assert torch.load(tmp_path / "m.pt", weights_only=True).keys() == state["network"].keys()


def test_more_processes_than_validation_cases_do_not_wait_for_each_other(cohort, tmp_path):
    lists = json.loads((cohort / "datalist.json").read_text())
    lists["validation"] = lists["validation"][:1]
    (cohort / "one_validation_case.json").write_text(json.dumps(lists))
    files = str([f"{CONFIGS}/train.json", f"{CONFIGS}/multi_gpu_train.json"])
    settings = SMALL | {"max_epochs": 1, "dataset_dir": cohort, "output_dir": tmp_path, "checkpoint": tmp_path / "m.pt"}
    settings |= {"datalist": cohort / "one_validation_case.json"}
    finished = run(
        [*TORCHRUN, "-m", "monai.bundle", "run", "training", "--config_file", files, *arguments(**settings)],
        timeout=200,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert (tmp_path / "m.pt").is_file()

"""A machine with PyTorch, MONAI, ignite, nibabel and little else: imports, training, pretraining and inference."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.bundles import ROOT, SMALL, SMALL_PRETRAINING

MISSING = ("SimpleITK", "mlflow", "pandas", "openvino", "pydicom", "highdicom", "matplotlib", "sklearn")
ROOMS = ("data", "networks", "preprocessing", "inference", "training", "training.partial", "pretraining", "refinement")
PROGRAM = """
import importlib, json, sys
missing, rooms, runs = map(json.loads, sys.argv[1:])
sys.modules.update(dict.fromkeys(missing))  # their import fails as where they are not installed
for room in rooms:
    importlib.import_module(f"swinx.{room}")
from monai.bundle import run
for run_id, settings in runs:
    run(run_id, **settings)
"""


def execute(rooms: tuple[str, ...], runs: list[tuple[str, dict[str, object]]], cwd: Path) -> str:
    """Run configurations in a fresh process without the missing packages; return what it complained of."""
    words = [sys.executable, "-c", PROGRAM, *map(json.dumps, (MISSING, rooms, runs))]
    search = os.pathsep.join([str(ROOT / "plugins"), *sys.path])
    environment = os.environ | {"PYTHONPATH": search, "OMP_NUM_THREADS": "1", "SWINX_MLFLOW": "on"}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


@pytest.mark.slow
def test_networks_are_pretrained_trained_and_used_with_few_packages(cohort, tmp_path):
    """One step of a training and of a pretraining, and the labels of one scan, all on NIfTI."""

    def settings(bundle: str, config: str, data: Path, **others: object) -> dict[str, object]:
        told = json.loads((ROOT / "bundles" / bundle / "configs" / f"{config}.json").read_text())
        small = SMALL if bundle == "swinx_seg" else SMALL_PRETRAINING
        places = {"output_dir": str(tmp_path / config), "checkpoint": str(tmp_path / f"{bundle}.pt")}
        used = {name: value for name, value in {**small, **places, **others}.items() if name in told}
        file = str(ROOT / "bundles" / bundle / "configs" / f"{config}.json")
        return used | {"config_file": file, "dataset_dir": str(data), "max_epochs": 1}

    scan = sorted((cohort / "images").glob("testing_*"))[0]
    inference = settings("swinx_seg", "inference", scan)
    del inference["max_epochs"]
    training = settings("swinx_seg", "train", cohort)
    pretraining = settings("ssl_smit", "train", cohort, picture_interval=0, output_dir=str(tmp_path / "pretraining"))
    runs = [("training", training), ("inference", inference), ("training", pretraining)]
    told = execute(ROOMS, runs, tmp_path)
    assert told.count('MLflow is not installed: pip install "mlflow>=3,<4"') >= 1
    assert len(list((tmp_path / "inference").glob("*.nii.gz"))) == 1
    assert (tmp_path / "ssl_smit.pt").is_file()
    rows = (tmp_path / "train" / "history.csv").read_text().splitlines()
    assert rows[0].startswith("epoch,train_loss,")
    assert rows[1].startswith("1,")

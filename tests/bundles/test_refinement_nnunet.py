"""A real nnU-Net, trained by the bundle on the complete cases, labels the others."""

from __future__ import annotations

import json
import zipfile

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from support.bare_environment import execute, make_bare_environment
from support.bundles import ROOT, arguments, bundle_command, run, run_bundle
from support.refinement import REFINEMENT, partial_cohort, refine_command
from support.warm_programs import run_with_children
from swinx.data import load_data_list
from swinx.packaging import pack_bundle

pytestmark = [pytest.mark.slow, pytest.mark.nnunet]

TINY = {
    "epochs": 1,
    "iterations": 2,
    "feature_divisor": 8,
    "folds": ["all"],
    "num_processes": 1,
    "spacing_mm": [6.0, 6.0, 6.0],
    "classes": [1, 3, 13],
    "nnunet_trainer": "nnUNetTrainerNoDA",
    "optimizer": "AdamW",
    "learning_rate": 0.003,
}


def test_train_then_refine(tmp_path):
    cohort = partial_cohort(tmp_path / "cohort", labelled=7, unlabelled=1, validation=0)
    listed = json.loads((cohort / "datalist.json").read_text())
    items = load_data_list(cohort / "datalist.json", "training")
    complete = [item["case"] for item in items if {1, 3, 13} <= set(item["annotated"])]
    assert 0 < len(complete) < len(items)
    work = tmp_path / "nnunet"
    command = bundle_command("training", "train", REFINEMENT, dataset_dir=cohort, output_dir=work, **TINY)
    trained = run_with_children(command, ROOT)
    assert trained.returncode == 0, trained.stderr[-3000:]
    (model,) = (work / "results").glob("*/*")
    assert str(model) in trained.stdout
    log = (work / "logs" / "train_fold_all.log").read_text()
    assert "Current learning rate: 0.003" in log
    weights = torch.load(model / "fold_all" / "checkpoint_final.pth", weights_only=False)
    assert weights["trainer_name"] == "nnUNetTrainerNoDA"
    assert "betas" in weights["optimizer_state"]["param_groups"][0], "AdamW, not SGD"
    command = refine_command(
        cohort,
        model,
        output_dir=tmp_path / "out",
        folds=["all"],
        confidence=True,
        drop_unpredicted=False,
        check_volumes=False,  # a teacher of some steps is no anatomist
    )
    command[command.index("--config_file") + 1] = str([f"{REFINEMENT}/inference.json", f"{REFINEMENT}/refine.json"])
    finished = run(command)
    assert finished.returncode == 0, finished.stderr[-3000:]
    table = pd.read_csv(tmp_path / "out" / "cases.csv", index_col="case")
    assert table["refined"].all()
    sure = table["confidence"].dropna()
    assert ((sure > 1 / 4) & (sure <= 1)).all(), "the winner of four classes has more than a quarter"
    assert len(table) == len(listed["training"]) + 1
    for item in load_data_list(tmp_path / "out" / "datalist.json", "training"):
        drawn = next((set(i["annotated"]) for i in items if i["case"] == item["case"]), set())
        assert set(item["annotated"]) == drawn | {1, 3, 13}, "of other classes the teacher says nothing"
        label = np.asarray(nib.load(item["label"]).dataobj)
        assert set(np.unique(label).tolist()) <= {0, *item["annotated"]}
    _check_packed(model, items[0]["image"], tmp_path)


def _check_packed(model, scan, folder):
    """The bundle with that nnU-Net, packed, labels a scan where swinx is not installed as it does here."""
    bundle = ROOT / "bundles" / "pseudolabel"
    with zipfile.ZipFile(pack_bundle(bundle, folder, weights=model)) as archive:
        archive.extractall(folder)
    config = folder / "pseudolabel" / "configs" / "inference.json"
    assert json.loads(config.read_text())["folds"] == ["all"]
    python = make_bare_environment(folder / "env", bundle / "configs" / "metadata.json")
    words = arguments(config_file=config, dataset_dir=scan, output_dir=folder / "elsewhere")
    done = execute(python, "-m", "monai.bundle", "run", "inference", *words, cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    settings = {"dataset_dir": scan, "output_dir": folder / "here", "teacher_dir": model, "folds": ["all"]}
    here = run_bundle("inference", "inference", configs=REFINEMENT, **settings)
    assert here.returncode == 0, here.stderr[-3000:]
    written = sorted(path.name for path in (folder / "here").glob("*.nii.gz"))
    assert written == sorted(path.name for path in (folder / "elsewhere").glob("*.nii.gz"))
    assert written
    for name in written:
        one, other = (nib.load(folder / place / name).dataobj for place in ("elsewhere", "here"))
        assert np.array_equal(one, other)

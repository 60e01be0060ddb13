"""What a data list says about its labels reaches the training and its validation, by the documented command."""

from __future__ import annotations

import json
import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from monai.bundle import ConfigParser

from support.bundles import CONFIGS, ROOT, SMALL, run_bundle
from swinx.labels import FLARE23

ALL = list(FLARE23.foreground)


@pytest.fixture(scope="module")
def unknown(cohort, tmp_path_factory):
    """The cohort with a slab of unknown voxels through every kidney."""
    folder = tmp_path_factory.mktemp("unknown") / "cohort"
    shutil.copytree(cohort, folder)
    for path in (folder / "labels").iterdir():
        scan = nib.load(path)
        label = np.asarray(scan.dataobj).copy()
        label[27:29] = 255
        nib.save(nib.Nifti1Image(label, scan.affine), path)
    return folder


def write_list(folder, name, **lists):
    """Write the cohort's list with ``annotated`` and ``pseudo`` in all entries but the first; return its path."""
    content = json.loads((folder / "datalist.json").read_text())
    for section in ("training", "validation"):
        content[section] = [{key: x[key] for key in ("image", "label")} | lists for x in content[section]]
        if lists:  # a class that is annotated nowhere would be taken as absent
            content[section][0] = {key: content[section][0][key] for key in ("image", "label")} | {"annotated": ALL}
    (folder / f"{name}.json").write_text(json.dumps(content))
    return folder / f"{name}.json"


def losses_of(folder, tmp_path_factory, name, settings, lists):
    out = tmp_path_factory.mktemp(name)
    options = {"dataset_dir": folder, "datalist": write_list(folder, name, **lists), "output_dir": out}
    options |= {"checkpoint": out / "model.pt", "max_epochs": 1, "learning_rate": 0.002, "scans_per_batch": 2}
    finished = run_bundle("training", "train", **options, **SMALL, **settings)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return float(pd.read_csv(out / "history.csv")["train_loss"].iloc[0])


@pytest.fixture(scope="module")
def losses(unknown, tmp_path_factory):
    """Training loss of one epoch from the same seed, by name."""
    runs = {
        "not_recorded": ({}, {}),
        "complete": ({}, {"annotated": ALL}),
        "partial": ({}, {"annotated": [1]}),
        "partial_taken_as_complete": ({"partial_labels": False}, {"annotated": [1]}),
        "pseudo_of_no_weight": ({"pseudo_weight": 0.0}, {"annotated": [1], "pseudo": ALL[1:]}),
    }
    return {name: losses_of(unknown, tmp_path_factory, name, *run) for name, run in runs.items()}


@pytest.mark.slow
def test_what_is_annotated_changes_the_training(losses):
    assert abs(losses["partial"] - losses["complete"]) > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", ["not_recorded", "partial_taken_as_complete"])
def test_labels_taken_as_complete_train_as_complete_ones(losses, name):
    assert losses[name] == pytest.approx(losses["complete"], abs=1e-6)


@pytest.mark.slow
def test_pseudo_labels_without_weight_train_as_unannotated_ones(losses):
    assert losses["pseudo_of_no_weight"] == pytest.approx(losses["partial"], abs=1e-6)


def configured(monkeypatch, folder, out, **overrides):
    """The training's configuration with small settings and other items, as MONAI Label overrides it."""
    monkeypatch.chdir(ROOT)
    parser = ConfigParser()
    parser.read_config(f"{CONFIGS}/train.json")
    settings = {
        "dataset_dir": str(folder),
        "output_dir": str(out),
        "checkpoint": str(out / "model.pt"),
        "max_epochs": 1,
    }
    for name, value in (SMALL | settings | overrides).items():
        parser[name] = value
    return parser


def entries(folder, section, **lists):
    content = json.loads((folder / "datalist.json").read_text())[section]
    return [{key: str(folder / x[key]) for key in ("image", "label")} | lists for x in content]


def validate(monkeypatch, folder, out, **lists):
    items = entries(folder, "validation", **lists)
    parser = configured(monkeypatch, folder, out, **{"validate::dataset::data": items})
    torch.manual_seed(0)
    evaluator = parser.get_parsed_content("validate::evaluator")
    evaluator.run()
    return {name: details.isnan() for name, details in evaluator.state.metric_details.items()}


@pytest.mark.parametrize(
    ("lists", "scored"),
    [
        pytest.param({}, [1, 2], id="not-recorded"),
        pytest.param({"annotated": [2]}, [2], id="one-annotated"),
        pytest.param({"annotated": [1], "pseudo": [2]}, [1], id="what-a-teacher-said-is-no-reference"),
        pytest.param({"annotated": []}, [], id="none-annotated"),
    ],
)
def test_the_validation_scores_what_was_annotated(monkeypatch, unknown, tmp_path, lists, scored):
    missing = validate(monkeypatch, unknown, tmp_path, **lists)
    assert missing.keys() == {"val_mean_organ_dice", "val_mean_dice"}
    for of_class in missing.values():
        assert [(1 + (~row).nonzero().flatten()).tolist() for row in of_class] == [scored, scored]


@pytest.mark.slow
def test_items_of_image_and_label_alone_train(monkeypatch, cohort, tmp_path):
    """As MONAI Label gives them."""
    sections = {"train": "training", "validate": "validation"}
    data = {f"{name}::dataset::data": entries(cohort, section) for name, section in sections.items()}
    parser = configured(monkeypatch, cohort, tmp_path, **data)
    parser.get_parsed_content("train::trainer").run()
    assert len(pd.read_csv(tmp_path / "history.csv")) == 1
    assert (tmp_path / "model.pt").is_file()

"""A collection of two sites with classes and numbers of its own, through every step, by the documented commands."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from support.bundles import PRETRAINING, ROOT, SMALL, SMALL_PRETRAINING, run_bundle
from support.refinement import REFINEMENT
from swinx.cli import main
from swinx.data import load_data_list
from swinx.files import write_json
from swinx.labels import read_label_set

CLASSES = {
    "labels": {"background": 0, "left part": 3, "right part": 7, "spot": 9},
    "classes": {"spot": {"inside": ["left part"], "tolerance_mm": 1.0, "code": ["27925004", "Nodule"]}},
}
SITE_B = {"1": "right part", "2": "left part", "5": "spot"}
NUMBERS = {"A": (3, 7, 9), "B": (2, 1, 5)}
AFFINE = np.array([[-4, 0.4, 0, 80], [0.4, 4, 0, -70], [0, 0, 5, 10], [0, 0, 0, 1]], dtype=float)
NETWORK = {name: SMALL[name] for name in ("embed_dim", "num_heads", "decoder_channels", "roi_size", "pixdim")}
QUIET = {"num_workers": 0, "progress": False}

FULL = {"positive_patches": 2, "negative_patches": 2}
"""As many patches as by default: what is trained with them has something to learn."""

pytestmark = pytest.mark.slow


def write_case(folder: Path, name: str, site: str, drawn: int = 3) -> None:
    """A block of soft tissue with a bright part, a dark part, and a spot in the bright one; x runs to the left.

    Only the first ``drawn`` of left part, spot and right part are in the label.
    """
    rng = np.random.default_rng(sum(map(ord, name)))
    hu = np.full((40, 36, 24), -1000.0)
    hu[3:-3, 3:-3] = rng.normal(20, 8, hu[3:-3, 3:-3].shape)
    label = np.zeros(hu.shape, dtype=np.uint8)
    left, right, spot = NUMBERS[site]
    for box, value, number in (
        (np.s_[22:33, 8:26, 4:20], 180, left),
        (np.s_[7:18, 8:26, 4:20], -150, right),
        (np.s_[25:29, 12:17, 8:12], 600, spot),
    ):
        hu[box] = value
        label[box] = number if number in (left, spot, right)[:drawn] else 0
    for kind, array in (("images", hu.astype(np.int16)), ("labels", label)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(array, AFFINE), folder / kind / f"{name}.nii.gz")


@pytest.fixture(scope="module")
def sites(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "sites"
    entries = []
    for name, site in (("a1", "A"), ("b1", "B"), ("b2", "B"), ("a2", "A")):
        write_case(folder, name, site, drawn=2 if name == "b1" else 3)
        annotated = ["left part", "spot"] if name == "b1" else ["left part", "right part", "spot"]
        entry = {"image": f"images/{name}.nii.gz", "label": f"labels/{name}.nii.gz", "annotated": annotated}
        entries.append(entry | ({"source": "B"} if site == "B" else {}))
    maps = {"label_maps": {"B": SITE_B}}
    sections = {"training": entries[:2], "validation": entries[2:], "unlabeled": [{"image": entries[2]["image"]}]}
    write_json(folder / "datalist.json", {"labels": CLASSES, **maps, **sections})
    return folder


def succeeded(finished):
    assert finished.returncode == 0, finished.stderr[-3000:]
    return finished


@pytest.fixture
def swinx(capsys, monkeypatch):
    """The ``swinx`` command; returns what it prints."""

    def command(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["swinx", *map(str, words)])
        main()
        return capsys.readouterr().out

    return command


@pytest.fixture(scope="module")
def work(sites) -> Path:
    return sites.parent


@pytest.fixture(scope="module")
def pretrained(sites, work) -> Path:
    settings = SMALL_PRETRAINING | {"region_size": [32, 32, 32], "datalist": sites / "datalist.json", "max_epochs": 1}
    out = {"output_dir": work / "pretrain", "checkpoint": work / "pretrained.pt", "warmup_epochs": 0}
    succeeded(
        run_bundle("training", "train", configs=PRETRAINING, dataset_dir=sites, scans_per_batch=2, **settings, **out)
    )
    return work / "pretrained.pt"


@pytest.fixture(scope="module")
def refined(sites, work) -> Path:
    """The teacher is a folder in the numbers of site B."""
    teacher = work / "teacher"
    teacher.mkdir()
    for name in ("a1", "b1"):
        hu = np.asarray(nib.load(sites / f"images/{name}.nii.gz").dataobj)
        voxels = np.select([hu == 600, hu == 180, hu == -150], [5, 2, 1], 0).astype(np.uint8)
        nib.save(nib.Nifti1Image(voxels, AFFINE), teacher / f"{name}.nii.gz")
    settings = {"dataset_dir": sites, "teacher_dir": teacher, "output_dir": work / "refined", "label_map": SITE_B}
    files = ["inference", "refine", "teacher_folder"]
    settings |= {"sections": ["training"], "progress": False, "check_volumes": False}
    succeeded(run_bundle("refine", files, configs=REFINEMENT, **settings))
    return work / "refined"


@pytest.fixture(scope="module")
def trained(refined, pretrained, work) -> Path:
    settings = SMALL | {"max_epochs": 12, "warmup_epochs": 0, "learning_rate": 0.01, "val_interval": 6}
    places = {"dataset_dir": refined, "output_dir": work / "train", "checkpoint": work / "model.pt"}
    succeeded(run_bundle("training", "train", pretrained=pretrained, flip_prob=0.0, **places, **settings, **FULL))
    return work / "model.pt"


@pytest.fixture(scope="module")
def evaluated(sites, trained, work) -> Path:
    """Nothing but the weights is given: classes, voxel size, window and network come from their record."""
    places = {"dataset_dir": sites, "output_dir": work / "out", "checkpoint": trained}
    succeeded(run_bundle("evaluate", ["inference", "evaluate"], section="validation", **places, **QUIET))
    return work / "out"


def test_the_data_are_found_good(sites, swinx):
    told = swinx("data", "check", sites / "datalist.json")
    assert "unusable" not in told or "0 unusable" in told


def test_the_refinement_fills_what_was_not_annotated_and_keeps_the_rest(sites, refined):
    items = {item["case"]: item for item in load_data_list(refined / "datalist.json", "training")}
    assert [items[case].get("pseudo") or [] for case in ("a1", "b1")] == [[], [2]]
    label = np.asarray(nib.load(items["b1"]["label"]).dataobj)
    hu = np.asarray(nib.load(sites / "images/b1.nii.gz").dataobj)
    for number, value in ((3, 180), (7, -150), (9, 600)):
        assert ((label == number) == (hu == value)).mean() > 0.99


def test_weights_tell_their_classes_and_settings(trained):
    record = json.loads(trained.with_suffix(".json").read_text())
    assert read_label_set(record["labels"]) == read_label_set(CLASSES)
    assert record["settings"]["pixdim"] == SMALL["pixdim"]


def test_scores_are_by_the_own_names_and_the_network_has_learnt_the_parts(evaluated):
    table = pd.read_csv(evaluated / "scores.csv")
    names = [column for column in table.columns if column.endswith("_dsc") and "average" not in column]
    assert names == ["left_part_dsc", "right_part_dsc", "spot_dsc"]
    assert table[names[:2]].mean().min() > 0.5


def test_predictions_have_the_own_numbers_whatever_the_site(sites, evaluated):
    for case in ("a2", "b2"):
        label = np.asarray(nib.load(evaluated / f"{case}.nii.gz").dataobj)
        assert set(np.unique(label)) <= {0, 3, 7, 9}
        hu = np.asarray(nib.load(sites / f"images/{case}.nii.gz").dataobj)
        assert np.median(hu[label == 7]) == -150  # the dark part lies to the right, at either site


def test_another_voxel_size_is_told_and_another_network_refused(sites, trained, work):
    places = {"dataset_dir": sites / "images/a2.nii.gz", "output_dir": work / "other", "checkpoint": trained}
    told = succeeded(run_bundle("inference", "inference", pixdim=[5.0, 5.0, 5.0], **places, **QUIET)).stderr
    assert "pixdim is [5.0, 5.0, 5.0], and these weights were trained with [4.0, 4.0, 4.0]" in told
    refused = run_bundle("inference", "inference", embed_dim=24, **places, **QUIET)
    assert refused.returncode != 0
    assert "embed_dim is 24, and these weights were trained with 12" in refused.stderr.splitlines()[-1]
    refused = run_bundle("inference", "inference", labels="flare22", **places, **QUIET)
    assert "the label set given is not that of these weights" in refused.stderr.splitlines()[-1]


def test_the_scorer_and_the_report_speak_of_the_own_classes(sites, evaluated, work, swinx):
    for kind, folder in (("reference", sites / "labels"), ("prediction", evaluated)):
        (work / kind).mkdir()
        shutil.copy(folder / "a2.nii.gz", work / kind)
    shutil.copy(evaluated / "cases.json", work / "prediction")
    words = [word for kind in ("reference", "prediction") for word in (f"--{kind}", work / kind)]
    told = swinx("score", *words, "--out", work / "scores")
    assert "left part" in told
    assert "liver" not in told
    tables = [pd.read_csv(folder / "scores.csv", index_col="case") for folder in (work / "scores", evaluated)]
    pd.testing.assert_frame_equal(*(table.loc[["a2"]] for table in tables))
    summary = json.loads((work / "scores/summary.json").read_text())
    assert read_label_set(summary["labels"]) == read_label_set(CLASSES)
    places = ("--scores", evaluated, "--images", sites / "images", "--reference", work / "reference")
    swinx("report", *places, "--prediction", evaluated, "--out", work / "report.html")
    page = (work / "report.html").read_text()
    assert "spot" in page
    assert "liver" not in page


def test_a_packed_bundle_tells_its_own_classes(trained, work, swinx):
    swinx("pack", ROOT / "bundles/swinx_seg", "--out", work / "dist", "--weights", trained)
    archive = next((work / "dist").glob("*.zip"))
    with zipfile.ZipFile(archive) as opened:
        metadata = json.loads(opened.read("swinx_seg/configs/metadata.json"))
        readme = opened.read("swinx_seg/docs/README.md").decode()
    names = metadata["network_data_format"]["outputs"]["pred"]["channel_def"]
    assert list(names.values()) == ["background", "left part", "right part", "spot"]
    assert "| training data | 2 labelled cases for training, 2 for validation |" in readme
    dice = json.loads(trained.with_suffix(".json").read_text())["class_dice"]
    assert f"| 3 | left part | | | 2 | {dice['left part']:.4f} |" in readme
    assert "| 7 | right part | | | 1, and 1 by a network |" in readme


def test_an_exported_network_has_the_own_number_of_channels(trained, work, swinx):
    swinx("export", ROOT / "bundles/swinx_seg", "--to", "torchscript", "--checkpoint", trained, "--out", work / "m.ts")
    import torch

    with torch.no_grad():
        assert torch.jit.load(work / "m.ts")(torch.zeros(1, 1, *NETWORK["roi_size"])).shape[1] == 4


def test_fewer_classes_can_be_trained_from_these_weights(sites, trained, work):
    labels = work / "parts.json"
    write_json(labels, {"background": 0, "right part": 1, "left part": 2})
    places = {"dataset_dir": sites, "output_dir": work / "fewer", "checkpoint": work / "fewer.pt"}
    settings = SMALL | {"max_epochs": 1, "warmup_epochs": 0, "labels": labels, "pretrained": trained}
    told = succeeded(run_bundle("training", "train", **places, **settings)).stderr
    assert "2 classes are taken over by name" in told
    assert "left out: spot" in told

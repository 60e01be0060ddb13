"""The probe of the pretrained encoder, by the documented command: evaluate.json over inference.json."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from mlflow import MlflowClient
from monai.bundle import ConfigWorkflow

from support.bundles import PRETRAINING, ROOT, SMALL_PRETRAINING, run_bundle
from swinx.networks import SwinEncoder, save_weights
from swinx.pretraining import FeatureRecords, SampledFeaturesInferer, SmitNetwork
from swinx.runs import MLflowRun
from swinx.tracking import sqlite_uri

pytestmark = pytest.mark.slow

FILES = ["evaluate.log", "probe.csv", "probe.json", "probe.md", "probe.png"]
SETTINGS = SMALL_PRETRAINING | {"voxels_per_class": 20, "random_seeds": 2}
SETTINGS.pop("block_size")


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student's weights before its first step."""
    torch.manual_seed(99)
    encoder = SwinEncoder(embed_dim=12, num_heads=(1, 2, 4, 8))
    path = tmp_path_factory.mktemp("untrained") / "model.pt"
    save_weights(SmitNetwork(encoder, out_dim=64, hidden_dim=32, bottleneck_dim=16), path)
    return path


def evaluate(cohort: Path, out: Path, checkpoint: object, **settings: object):
    return run_bundle(
        "evaluate",
        ["inference", "evaluate"],
        configs=PRETRAINING,
        dataset_dir=cohort,
        output_dir=out,
        checkpoint=checkpoint,
        **(SETTINGS | settings),
    )


def figures(out: Path) -> dict:
    return json.loads((out / "probe.json").read_text())


def last_word(finished) -> str:
    """The last line that the user reads: the reason, after all tracebacks."""
    return finished.stderr.rpartition("stopped: ")[2]


@pytest.fixture(scope="module")
def probed(cohort, untrained, tmp_path_factory):
    """The files of a linear probe, and what it printed."""
    out = tmp_path_factory.mktemp("probed")
    finished = evaluate(cohort, out, untrained)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return out, finished


def test_an_untrained_encoder_is_no_better_than_its_like(probed):
    out, finished = probed
    assert sorted(path.name for path in out.iterdir()) == FILES
    found = figures(out)
    assert found["classes"] == ["liver", "right kidney"]
    assert found["chance"] == 0.5
    assert len(found["cases"]["fit"]) == 4
    assert len(found["cases"]["test"]) == 2
    random = found["random"]["balanced_accuracy"]["mean"]
    assert found["encoders"]["pretrained"]["balanced_accuracy"] == pytest.approx(random, abs=0.1)
    assert random > 0.8, "bright and dark can be told apart by random features, too"
    assert "| pretrained" in finished.stdout


def test_the_same_seed_gives_the_same_figures_and_they_are_tracked(probed, cohort, untrained, tmp_path, monkeypatch):
    uri = sqlite_uri(tmp_path / "mlflow.db")
    monkeypatch.setenv("SWINX_MLFLOW", "on")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    finished = evaluate(cohort, tmp_path, untrained)
    assert finished.returncode == 0, finished.stderr[-3000:]
    first, again = figures(probed[0]), figures(tmp_path)
    for name in ("encoders", "random", "paired", "fit_voxels", "cases"):
        assert first[name] == again[name]
    client = MlflowClient(tracking_uri=uri)
    (run,) = client.search_runs([client.get_experiment_by_name("swinx").experiment_id])
    assert (run.data.tags["swinx.stage"], run.info.status) == ("probe", "FINISHED")
    assert run.data.metrics["balanced_accuracy"] == again["encoders"]["pretrained"]["balanced_accuracy"]
    assert {"probe.json", "probe.png"} <= {item.path for item in client.list_artifacts(run.info.run_id)}


def test_knn_and_sections_and_number_of_cases_can_be_chosen(cohort, untrained, tmp_path):
    finished = evaluate(
        cohort, tmp_path, untrained, probe="knn", fit_section="validation", section="testing", max_fit_cases=1
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    found = figures(tmp_path)
    assert found["probe"] == "knn"
    assert len(found["cases"]["fit"]) == 1
    assert found["cases"]["fit"][0].startswith("validation")
    assert all(case.startswith("testing") for case in found["cases"]["test"])
    assert set(pd.read_csv(tmp_path / "probe.csv")["encoder"]) == {"pretrained", "random_0", "random_1"}


def test_it_runs_from_within_the_bundle(cohort, tmp_path):
    bundle = tmp_path / "bundle"
    shutil.copytree(ROOT / PRETRAINING, bundle / "configs")
    (bundle / "models").mkdir()
    torch.manual_seed(99)
    network = SmitNetwork(SwinEncoder(embed_dim=12, num_heads=(1, 2, 4, 8)), 64, 32, 16)
    save_weights(network, bundle / "models" / "model.pt")
    files = ["inference", "evaluate"]
    finished = run_bundle("evaluate", files, cwd=bundle, configs="configs", dataset_dir=cohort, **SETTINGS)
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert sorted(path.name for path in (bundle / "eval").iterdir()) == FILES


def test_bad_cases_are_named_and_the_others_are_probed(cohort, untrained, tmp_path):
    broken = tmp_path / "cohort"
    shutil.copytree(cohort, broken)
    scan, label = (next((broken / kind).glob(f"training_{n}*")) for kind, n in (("images", 1), ("labels", 2)))
    scan.write_bytes(scan.read_bytes()[:1000])
    shutil.copy(_other_grid(tmp_path, label), label)
    finished = evaluate(broken, tmp_path / "out", untrained)
    assert finished.returncode == 1, finished.stderr[-3000:]
    failed = {failure["case"]: failure["reason"] for failure in figures(tmp_path / "out")["failed"]}
    assert set(failed) == {"training_1", "training_2"}
    assert scan.name in failed["training_1"]
    assert label.name in failed["training_2"]
    assert "not on the grid of its image" in failed["training_2"]
    assert "not probed: training_1" in finished.stderr
    assert len(figures(tmp_path / "out")["cases"]["fit"]) == 2


def _other_grid(folder: Path, label: Path) -> Path:
    import nibabel as nib
    import numpy as np

    image = nib.load(label)
    path = folder / "moved.nii.gz"
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), image.affine + np.diag([1.0, 0, 0, 0])), path)
    return path


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        pytest.param({"checkpoint": ""}, "checkpoint is ''; give a path", id="no-checkpoint"),
        pytest.param({"checkpoint": "no.pt"}, "no.pt: no such file", id="missing-checkpoint"),
        pytest.param({"embed_dim": 24}, "check embed_dim", id="checkpoint-of-another-size"),
        pytest.param({"section": "training"}, "not be tested on the cases it was fitted on", id="same-section"),
        pytest.param({"section": "unlabeled"}, "no section 'unlabeled'", id="missing-section"),
        pytest.param({"probe": "deep"}, "probe is 'deep'; give linear or knn", id="unknown-probe"),
        pytest.param({"roi_size": [40, 40, 40]}, "multiples of 32", id="window-that-does-not-fit"),
    ],
)
def test_a_mistake_is_named_last(cohort, untrained, tmp_path, settings, reason):
    finished = evaluate(cohort, tmp_path, **({"checkpoint": untrained} | settings))
    assert finished.returncode != 0
    assert reason in last_word(finished)
    assert not (tmp_path / "probe.json").exists()


def test_the_overlay_alone_ends_with_the_right_command(tmp_path):
    finished = run_bundle("evaluate", "evaluate", configs=PRETRAINING, output_dir=tmp_path)
    files = f"['{PRETRAINING}/inference.json','{PRETRAINING}/evaluate.json']"
    assert finished.returncode != 0
    assert last_word(finished).strip() == f'evaluate.json is an overlay; give --config_file "{files}"'
    assert not list(tmp_path.iterdir())


def test_monai_misses_no_property_and_nothing_of_the_reconstruction_is_left(cohort, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    workflow = ConfigWorkflow(
        config_file=[str(ROOT / PRETRAINING / f"{name}.json") for name in ("inference", "evaluate")],
        workflow_type="evaluation",
        dataset_dir=str(cohort),
        output_dir=str(tmp_path),
        **SETTINGS,
    )
    workflow.initialize()
    assert workflow.check_properties() == []
    evaluator = workflow.parser.get_parsed_content("evaluator")
    assert isinstance(evaluator.inferer, SampledFeaturesInferer)
    assert [type(handler) for handler in workflow.parser.get_parsed_content("handlers")] == [FeatureRecords, MLflowRun]
    assert workflow.parser.get("evaluator::postprocessing", "defined") is None


def test_the_overlay_repeats_no_setting_of_inference():
    overlay, base = (
        json.loads((ROOT / PRETRAINING / f"{name}.json").read_text()) for name in ("evaluate", "inference")
    )
    assert {name for name in overlay.keys() & base.keys() if overlay[name] == base[name]} == set()

"""MONAI Label's own server with a packed bundle, offline: what 3D Slicer asks of it, in the order of a session."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from support.bundles import arguments
from support.label_server import CASES, LABEL_PYTHON, LabelServer

pytestmark = pytest.mark.label


def bundle_predictions(bundle: Path, scans: Path, folder: Path, *overlays: str) -> None:
    """Let ``monai.bundle run inference`` write what it makes of each scan, by environment and bundle of the server."""
    command = [str(LABEL_PYTHON), "-m", "monai.bundle", "run", "inference"]
    command += ["--config_file", str([str(bundle / "configs" / f"{name}.json") for name in ("inference", *overlays)])]
    command += arguments(bundle_root=bundle, dataset_dir=scans, output_dir=folder, device="cpu")
    environment = os.environ | {"PYTHONPATH": str(bundle), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=scans, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_environment_of_the_server_has_no_swinx():
    done = subprocess.run(
        [LABEL_PYTHON, "-I", "-c", "import swinx"], capture_output=True, text=True, check=False, cwd="/"
    )
    assert "ModuleNotFoundError" in done.stderr


def test_info_names_the_classes_of_the_metadata(server, packed):
    with zipfile.ZipFile(packed) as archive:
        metadata = json.loads(archive.read("swinx_seg/configs/metadata.json"))
    channels = metadata["network_data_format"]["outputs"]["pred"]["channel_def"]
    told = server.get("/info/")["models"]["swinx_seg"]
    assert told["labels"] == {name: int(index) for index, name in channels.items() if name != "background"}
    assert told["version"] == metadata["version"]


def test_scans_get_the_voxels_that_the_bundle_gives_them(server: LabelServer, truth, tmp_path):
    cases = ("ct1", "ct2")
    scans = tmp_path / "scans"
    scans.mkdir()
    for case in cases:
        shutil.copyfile(truth / "scans" / f"{case}.nii.gz", scans / f"{case}.nii.gz")
    (bundle,) = server.apps.glob("*/model/swinx_seg")
    bundle_predictions(bundle, scans, tmp_path / "expected")
    for case in cases:
        served = nib.load(server.segment(case, tmp_path / f"{case}.nii.gz"))
        voxels = np.asarray(served.dataobj)
        expected = np.asarray(nib.load(tmp_path / "expected" / f"{case}.nii.gz").dataobj)
        assert len(np.unique(voxels)) > 2
        np.testing.assert_array_equal(voxels, expected)
        np.testing.assert_allclose(served.affine, nib.load(scans / f"{case}.nii.gz").affine, atol=1e-3)


@pytest.mark.parametrize("profile", ["fast", "lowmem"])
def test_a_profile_is_a_model_with_the_voxels_that_the_bundle_gives_with_it(
    server: LabelServer, truth, tmp_path, profile
):
    assert server.get("/info/")["models"][f"swinx_seg_{profile}"]["labels"]
    (bundle,) = server.apps.glob("*/model/swinx_seg")
    (tmp_path / "scans").mkdir()
    shutil.copyfile(truth / "scans" / "ct1.nii.gz", tmp_path / "scans" / "ct1.nii.gz")
    bundle_predictions(bundle, tmp_path / "scans", tmp_path / "expected", profile)
    expected = np.asarray(nib.load(tmp_path / "expected" / "ct1.nii.gz").dataobj)
    served = np.asarray(nib.load(server.segment("ct1", tmp_path / "ct1.nii.gz", f"swinx_seg_{profile}")).dataobj)
    plain = np.asarray(nib.load(server.segment("ct1", tmp_path / "plain.nii.gz")).dataobj)
    np.testing.assert_array_equal(served, expected)
    assert not np.array_equal(served, plain), "the profile must be active for the test to tell anything"


def test_scores_of_uncertainty_differ_and_choose_the_next_scan(server: LabelServer):
    started = server.post("/scoring/swinx_seg", {})
    assert started["status"] in ("SUBMITTED", "RUNNING")
    assert server.finish("scoring")["status"] == "DONE", server.log()[-3000:]
    objects = server.get("/datastore/?output=all")["objects"]
    scores = {case: entry["image"]["info"]["epistemic_entropy"] for case, entry in objects.items()}
    assert sorted(scores) == sorted(CASES)
    certain = 15 * 5e-5 * -np.log(5e-5)  # what MONAI Label's floor under probabilities gives where all samples agree
    assert min(scores.values()) > certain
    assert max(scores.values()) < np.log(15) + certain
    assert len(set(scores.values())) == len(scores)
    chosen = server.post("/activelearning/epistemic", {})
    assert chosen["id"] == max(scores, key=lambda case: scores[case])


def test_labels_are_kept_and_an_epoch_of_training_changes_the_next_segmentation(server: LabelServer, truth, tmp_path):
    before = np.asarray(nib.load(server.segment("ct0", tmp_path / "before.nii.gz")).dataobj)
    for case in ("ct0", "ct1", "ct2"):
        answer = server.send_form(
            "PUT", f"/datastore/label?image={case}&tag=final", {}, label=truth / "labels" / f"{case}.nii.gz"
        )
        assert json.loads(answer)["label"] == case
    kept = truth / "scans" / "labels" / "final" / "ct1.nii.gz"
    np.testing.assert_array_equal(
        np.asarray(nib.load(kept).dataobj), np.asarray(nib.load(truth / "labels" / "ct1.nii.gz").dataobj)
    )
    (model,) = server.apps.glob("*/model/swinx_seg/models/model.pt")
    weights = model.read_bytes()

    server.post("/train/swinx_seg", {"max_epochs": 1, "device": "cpu", "val_split": 0.4, "tracking": "None"})
    assert server.finish("train")["status"] == "DONE", server.log()[-3000:]
    assert model.read_bytes() != weights
    record = json.loads(model.with_suffix(".json").read_text())
    assert record["metric"] == "val_mean_organ_dice"
    after = np.asarray(nib.load(server.segment("ct0", tmp_path / "after.nii.gz")).dataobj)
    assert (after != before).mean() > 0.01


def test_two_labels_are_enough_for_a_training_without_validation(server: LabelServer):
    """MONAI Label keeps none of so few for validation, and the weights of the last epoch are kept."""
    (model,) = server.apps.glob("*/model/swinx_seg/models/model.pt")
    weights = model.read_bytes()
    server.request("DELETE", "/datastore/label?id=ct2&tag=final")
    server.post("/train/swinx_seg", {"max_epochs": 1, "device": "cpu", "tracking": "None"})
    assert server.finish("train")["status"] == "DONE", server.log()[-3000:]
    assert model.read_bytes() != weights
    assert json.loads(model.with_suffix(".json").read_text())["epoch"] == 1


def test_all_weights_had_a_place_in_the_network(server: LabelServer):
    """MONAI Label loads weights that do not fit and says so in its log alone."""
    assert "keys don't match" not in server.log()

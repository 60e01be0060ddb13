"""The documented commands work from the repository root and from inside the bundle."""

from __future__ import annotations

import json
import sys

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK
import torch

from support.bundles import CONFIGS, ROOT, SMALL, arguments, run, run_bundle, write_case
from support.dicom import write_series
from swinx.data import read_volume

pytestmark = pytest.mark.slow


def oblique_lps() -> np.ndarray:
    turn = np.deg2rad(8)
    affine = np.eye(4)
    affine[:3, :3] = [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    affine[:3, :3] = affine[:3, :3] @ np.diag([-4.0, -4.0, 5.0])
    affine[:3, 3] = (12.5, -7.0, 300.25)
    return affine


def test_training_writes_model_history_and_log(trained):
    weights = torch.load(trained, weights_only=True)
    assert all(isinstance(tensor, torch.Tensor) for tensor in weights.values())
    sidecar = json.loads(trained.with_suffix(".json").read_text())
    history = pd.read_csv(trained.parents[1] / "out" / "history.csv")
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0]
    assert sidecar["value"] == pytest.approx(history["val_mean_organ_dice"].max(), abs=1e-6)
    assert "Epoch" in (trained.parents[1] / "out" / "training.log").read_text()


def test_inference_on_a_folder_keeps_the_grid_of_each_scan(trained, tmp_path):
    affine = oblique_lps()
    for seed, name in enumerate(["a", "b"]):
        write_case(tmp_path / "in", name, seed, affine)
    finished = run_bundle(
        "inference",
        "inference",
        dataset_dir=tmp_path / "in" / "images",
        output_dir=tmp_path / "out",
        checkpoint=trained,
        **SMALL,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    for name in ("a", "b"):
        image = nib.load(tmp_path / f"in/images/{name}_0000.nii.gz")
        prediction = nib.load(tmp_path / f"out/{name}.nii.gz")
        assert prediction.shape == image.shape
        assert prediction.get_data_dtype() == np.uint8
        np.testing.assert_array_equal(prediction.affine, image.affine)
        record = json.loads((tmp_path / f"out/{name}.json").read_text())
        assert set(record["seconds"]) == {"load", "preprocess", "network", "save", "total"}
        assert record["peak_memory"]["rss_mb"] > 100
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


def test_formats_mix_in_one_run_and_keep_their_grids(trained, tmp_path):
    """A MetaImage, a DICOM series and an uncompressed NIfTI, given as a list."""
    image, _ = write_case(tmp_path / "in", "a", 0, oblique_lps())
    scan = SimpleITK.ReadImage(str(image), SimpleITK.sitkInt16)
    metaimage, series, plain = tmp_path / "b.mha", tmp_path / "series", tmp_path / "c.nii"
    SimpleITK.WriteImage(scan, str(metaimage))
    write_series(scan, series)
    nib.save(nib.load(image), plain)
    finished = run_bundle(
        "inference",
        "inference",
        dataset_dir=[str(metaimage), str(series), str(plain)],
        output_dir=tmp_path / "out",
        checkpoint=trained,
        **SMALL,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    for path in (metaimage, series, plain):
        source = read_volume(path)
        prediction = nib.load(tmp_path / f"out/{path.name.split('.')[0]}.nii.gz")
        assert prediction.shape == source.array.shape
        np.testing.assert_allclose(prediction.affine, source.affine, atol=1e-4)


def test_inference_on_one_file_from_inside_the_bundle(trained, cohort, tmp_path):
    image = next((cohort / "images").glob("testing*"))
    command = [sys.executable, "-m", "monai.bundle", "run", "inference", "--config_file", "configs/inference.json"]
    settings = arguments(dataset_dir=image, output_dir=tmp_path, checkpoint=trained, backend="torch", **SMALL)
    finished = run([*command, *settings], cwd=ROOT / "bundles" / "swinx_seg")
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert (tmp_path / f"{image.name.removesuffix('_0000.nii.gz')}.nii.gz").is_file()


def test_evaluate_scores_the_validation_cases(trained, cohort, tmp_path):
    finished = run_bundle(
        "evaluate", ["inference", "evaluate"], dataset_dir=cohort, output_dir=tmp_path, checkpoint=trained, **SMALL
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert sorted(scores["case"]) == ["validation_4", "validation_5"]
    assert scores["liver_dsc"].between(0, 1).all()
    assert (tmp_path / "summary.md").is_file()


def test_pretrained_encoder_is_taken_over(trained, cohort, tmp_path):
    finished = run_bundle(
        "training",
        "train",
        dataset_dir=cohort,
        output_dir=tmp_path / "out",
        checkpoint=tmp_path / "model.pt",
        pretrained=trained,
        max_epochs=1,
        **SMALL,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "100.0% of the encoder" in finished.stdout + finished.stderr


def test_scans_with_different_annotations_share_a_batch(cohort, tmp_path):
    finished = run_bundle(
        "training",
        "train",
        dataset_dir=cohort,
        output_dir=tmp_path / "out",
        checkpoint=tmp_path / "model.pt",
        scans_per_batch=2,
        max_epochs=1,
        **SMALL,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert torch.load(tmp_path / "out" / "training_state.pt", weights_only=True)["lr_steps"] == 2


def test_the_full_size_network_takes_a_training_step(cohort, tmp_path):
    """The paper's network and defaults; only the patch, the spacing and the number of scans are small."""
    listed = json.loads((cohort / "datalist.json").read_text())
    (cohort / "one_of_each.json").write_text(
        json.dumps({name: listed[name][-1:] for name in ("training", "validation")})
    )
    settings = {"roi_size": [32, 32, 32], "pixdim": [4.0, 4.0, 4.0], "max_epochs": 1, "progress": False}
    settings["datalist"] = cohort / "one_of_each.json"
    finished = run_bundle(
        "training",
        "train",
        dataset_dir=cohort,
        output_dir=tmp_path / "out",
        checkpoint=tmp_path / "model.pt",
        **settings,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    tensors = torch.load(tmp_path / "model.pt", weights_only=True)
    assert tensors["out.conv.conv.weight"].shape == (15, 48, 1, 1, 1)


@pytest.mark.parametrize("folder", [ROOT, ROOT / "bundles" / "swinx_seg"], ids=["repository", "bundle"])
def test_an_evaluation_without_the_inference_ends_with_the_right_command(cohort, tmp_path, folder):
    configs = CONFIGS if folder == ROOT else "configs"
    finished = run_bundle("evaluate", "evaluate", cwd=folder, configs=configs, dataset_dir=cohort, output_dir=tmp_path)
    assert finished.returncode == 1
    assert (
        f"--config_file \"['{configs}/inference.json','{configs}/evaluate.json']\"" in finished.stderr.splitlines()[-1]
    )
    assert "Traceback" not in finished.stderr + finished.stdout

"""The model that MLflow loads: what it takes, and what it never overwrites."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from support.bundles import ROOT, SMALL, write_case
from swinx.errors import DataListError, RecordError
from swinx.export import RegisteredModel
from swinx.labels import FLARE23
from swinx.networks import SwinXSeg, save_weights
from swinx.scoring import classes_of_predictions
from swinx.tracking import save_mlflow_model

SETTINGS = SMALL | {"max_epochs": 3, "output_dir": "of the training", "depths": [2, 2, 2, 2], "window_hu": [-100, 200]}


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    network = SwinXSeg(embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=8, drop_path_rate=0.0)
    save_weights(network, folder / "weights.pt")
    return save_mlflow_model(folder / "packed", ROOT / "bundles" / "swinx_seg", folder / "weights.pt", SETTINGS)


@pytest.fixture(scope="module")
def model(packed: Path) -> RegisteredModel:
    return RegisteredModel(packed / "data" / "bundle")


def test_settings_of_the_training_hold_and_its_places_do_not(packed):
    overrides = json.loads((packed / "data" / "bundle" / "overrides.json").read_text())
    assert overrides["window_hu"] == [-100, 200]
    assert not {"output_dir", "max_epochs", "progress"} & overrides.keys()


def test_a_model_is_files_and_the_name_of_a_module(packed):
    assert "loader_module: swinx.export.registered_model" in (packed / "MLmodel").read_text()
    assert {path.suffix for path in packed.rglob("*") if path.is_file()} <= {"", ".json", ".pt", ".txt", ".yaml"}
    (weights,) = packed.rglob("*.pt")
    assert all(isinstance(tensor, torch.Tensor) for tensor in torch.load(weights, weights_only=True).values())


@pytest.mark.parametrize("kind", ["table", "list", "path"])
def test_label_maps_have_the_grid_of_their_scans(model, tmp_path, oblique, kind):
    image, _ = write_case(tmp_path / "in", "a", 0, oblique)
    given = {"table": pd.DataFrame({"image": [str(image)]}), "list": {"image": [str(image)]}, "path": {"image": image}}
    out = model.predict(given[kind], {"output_dir": str(tmp_path / "out")})
    (segmentation,) = out["segmentation"]
    assert segmentation == str(tmp_path / "out" / "a.nii.gz")
    found, scan = nib.load(segmentation), nib.load(image)
    assert found.shape == scan.shape
    assert found.get_data_dtype() == np.uint8
    np.testing.assert_allclose(found.affine, scan.affine, atol=1e-5)
    assert classes_of_predictions(tmp_path / "out") == FLARE23
    record = json.loads((tmp_path / "out" / "a.json").read_text())
    assert (record["case"], record["image"]) == ("a", str(image))


def test_no_scan_is_overwritten(model, tmp_path):
    image, _ = write_case(tmp_path, "a", 0, np.eye(4))
    plain = image.rename(image.with_name("a.nii.gz"))
    before = plain.read_bytes()
    with pytest.raises(DataListError, match=r"a\.nii\.gz is a scan and would be overwritten"):
        model.predict({"image": [str(plain)]}, {"output_dir": str(plain.parent)})
    assert plain.read_bytes() == before


def test_two_scans_of_one_name_are_refused(model, tmp_path):
    paths = [str(write_case(tmp_path / name, "a", 0, np.eye(4))[0]) for name in ("x", "y")]
    with pytest.raises(DataListError, match="two of the 2 scans would have one name"):
        model.predict({"image": paths}, {"output_dir": str(tmp_path / "out")})


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"overlap": "$CANARY"}, "overlap is .*make a program"),
        ({"run": ["$CANARY"]}, "no override of run is taken"),
        ({"preprocessing": []}, "no override of preprocessing is taken"),
        ({"inferer::_target_": "os.getcwd"}, "is no name of a setting"),
        ({"roi_size": {"_target_": "os.getcwd"}}, "'_target_', by which a configuration builds components"),
    ],
)
def test_overrides_of_a_model_never_become_code(packed, tmp_path, overrides, reason):
    canary = tmp_path / "canary"
    folder = Path(shutil.copytree(packed / "data" / "bundle", tmp_path / "bundle"))
    expression = f"$__import__('pathlib').Path('{canary}').touch()"
    (folder / "overrides.json").write_text(json.dumps(overrides).replace("$CANARY", expression))
    with pytest.raises(RecordError, match=rf"overrides\.json: .*{reason}") as refused:
        RegisteredModel(folder)
    assert len(str(refused.value).splitlines()) == 1
    assert not canary.exists()


def test_a_model_gets_no_settings_that_could_not_be_read_back(tmp_path):
    with pytest.raises(RecordError, match=r"overlap is .*make a program"):
        save_mlflow_model(tmp_path / "m", ROOT / "bundles" / "swinx_seg", __file__, SETTINGS | {"overlap": "$1"})

"""Models from anywhere: folders, zips, weights, MLflow; what they bring besides data is not run."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from support.bundles import ROOT
from support.segmentation import some_scan, some_weights
from swinx.errors import BundleError, RecordError, WeightsError
from swinx.packaging import write_zip
from swinx.segmentation import load_model, model_files
from swinx.tracking import sidecar_path


@pytest.fixture(scope="module")
def bundle(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained bundle that was changed: its window of HU is wider."""
    folder = tmp_path_factory.mktemp("bundle") / "changed"
    shutil.copytree(ROOT / "bundles" / "swinx_seg" / "configs", folder / "configs")
    config = folder / "configs" / "inference.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"window_hu": [-600, 600], "backend": "torch"}))
    (folder / "models").mkdir()
    shutil.copyfile(weights, folder / "models" / "model.pt")
    shutil.copyfile(sidecar_path(weights), folder / "models" / "model.json")
    return folder


@pytest.fixture(scope="module")
def labels(weights: Path) -> np.ndarray:
    """Labels by the weights, with the settings of that bundle."""
    return (
        load_model(weights, progress=False, window_hu=[-600, 600], backend="torch")
        .segment(some_scan(), progress=False)
        .image[0]
    )


def test_a_folder_is_run_by_its_own_configuration(bundle, labels, model):
    found = load_model(bundle, progress=False)
    assert found.name == "changed"
    assert np.array_equal(found.segment(some_scan(), progress=False).image[0], labels)
    assert not np.array_equal(model.segment(some_scan(), progress=False).image[0], labels)


def test_a_packed_zip_is_run_without_the_code_that_it_brings(bundle, labels, tmp_path):
    inside: dict[str, bytes | Path] = {
        f"changed/{path.relative_to(bundle).as_posix()}": path for path in bundle.rglob("*") if path.is_file()
    }
    inside |= {"changed/swinx/__init__.py": b"raise SystemExit", "changed/../../escaped.json": b"{}"}
    write_zip(tmp_path / "changed_v1.zip", inside)
    found = load_model(tmp_path / "changed_v1.zip", progress=False)
    assert np.array_equal(found.segment(some_scan(), progress=False).image[0], labels)
    place = Path(found._files.place.name)
    assert {path.name for path in (place / "changed").iterdir()} == {"configs", "models"}
    assert not (place.parent / "escaped.json").exists()
    found._files.place.cleanup()


def test_an_address_of_mlflow_is_fetched_and_brings_its_settings(bundle, labels, monkeypatch):
    def fetched(address: str, folder: str) -> Path:
        assert address == "models:/liver/3"
        shutil.copytree(bundle, Path(folder, "bundle"))
        Path(folder, "MLmodel").touch()
        config = Path(folder, "bundle", "configs", "inference.json")
        config.write_text(json.dumps(json.loads(config.read_text()) | {"window_hu": [-250, 250]}))
        Path(folder, "bundle", "overrides.json").write_text('{"window_hu": [-600, 600]}')
        return Path(folder)

    monkeypatch.setattr(model_files, "download_model", fetched)
    assert np.array_equal(
        load_model("models:/liver/3", progress=False).segment(some_scan(), progress=False).image[0], labels
    )


def test_the_weights_that_a_training_in_this_place_left_are_the_default(weights, monkeypatch):
    monkeypatch.setattr(model_files, "own_weights", lambda _: str(weights))
    for name in (None, "swinx_seg"):
        assert load_model(name, progress=False).label_set.names[1] == "liver"


def test_one_model_segments_many_scans_and_loads_its_weights_once(weights, monkeypatch):
    from swinx.segmentation import loaded_model

    loads = []
    load = loaded_model.load_weights
    monkeypatch.setattr(loaded_model, "load_weights", lambda *given: loads.append(given) or load(*given))
    model = load_model(weights, progress=False, backend="torch")
    first, second = (model.segment(some_scan(), progress=False) for _ in range(2))
    assert len(loads) == 1
    assert np.array_equal(first.class_ids, second.class_ids)
    assert second.record["seconds"]["prepare"] == 0


@pytest.mark.parametrize(
    ("settings", "error", "reason"),
    [
        ({"overlpa": 0.5}, BundleError, "there is no setting overlpa; did you mean overlap?"),
        ({"overlap": 7}, BundleError, "overlap is 7; give"),
        ({"embed_dim": 24, "num_heads": [2, 2, 4, 8]}, WeightsError, "these weights were trained with 12"),
        ({"roi_size": [33, 33, 33]}, BundleError, "roi_size"),
        ({"overlap": "$__import__('os').getpid()"}, RecordError, "overlap"),
        ({"network_def": {"_target_": "os.getcwd"}}, RecordError, "network_def"),
    ],
)
def test_settings_are_checked_as_a_run_checks_them_and_are_no_programs(weights, settings, error, reason):
    with pytest.raises(error) as told:
        load_model(weights, progress=False, **settings)
    assert reason in str(told.value)
    assert "\n" not in str(told.value)


def test_weights_of_another_network_are_refused_in_one_line(tmp_path):
    path = some_weights(tmp_path)
    record = json.loads(sidecar_path(path).read_text())
    record["settings"]["decoder_channels"] = 12
    sidecar_path(path).write_text(json.dumps(record))
    with pytest.raises(WeightsError, match="these are weights of another network") as told:
        load_model(path, progress=False)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("level", [logging.WARNING, logging.INFO])
def test_the_weights_that_come_with_swinx_segment_and_say_what_they_are(level, capsys, caplog):
    caplog.set_level(level)  # a run before this one may have left either
    model = load_model("swinx_abdomen_small", backend="torch")
    told = capsys.readouterr().err + caplog.text
    assert told.count("never for the care of patients") == 1
    assert "nvImageCodec" not in told
    assert (model.label_set.name, model.label_set.num_classes) == ("flare22", 14)
    affine = np.diag([-3.0, 4.0, 5.0, 1.0])
    result = model.segment((np.random.default_rng(0).normal(40, 20, (24, 20, 16)).astype(np.float32), affine))
    assert result.class_ids.shape == (24, 20, 16)
    np.testing.assert_array_equal(result.affine, affine)

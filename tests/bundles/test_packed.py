"""A packed bundle where MONAI is installed and swinx is not."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from support.bare_environment import execute, make_bare_environment
from support.bundles import PRETRAINING, ROOT, SMALL_PRETRAINING, arguments, run_bundle
from swinx.bundle import PLACES
from swinx.networks import SwinEncoder, save_weights
from swinx.packaging import pack_bundle
from swinx.pretraining import SmitNetwork

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def packed(trained, tmp_path_factory) -> Path:
    """The zip of the trained network; its settings come from the sidecar."""
    return pack_bundle(ROOT / "bundles" / "swinx_seg", tmp_path_factory.mktemp("dist"), weights=trained)


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Callable[[str], Path]:
    """The Python of an environment with what the metadata of a bundle name; a bundle has one."""

    def make(bundle: str) -> Path:
        metadata = ROOT / "bundles" / bundle / "configs" / "metadata.json"
        return make_bare_environment(tmp_path_factory.mktemp("bare") / "env", metadata)

    return cache(make)


@pytest.fixture(scope="module")
def bare(environment) -> Path:
    return environment("swinx_seg")


@pytest.fixture(scope="module")
def downloaded(packed, bare, tmp_path_factory) -> Path:
    """The bundle, as MONAI fetches it."""
    folder = tmp_path_factory.mktemp("zoo")
    url = packed.as_uri()
    done = execute(
        bare, "-m", "monai.bundle", "download", "--name", "swinx_seg", "--url", url, "--bundle_dir", folder, cwd=folder
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "swinx_seg"


@pytest.fixture(scope="module")
def expected(trained, cohort, tmp_path_factory):
    """Labels of the same scan by the bundle in the repository, with the settings of the training."""
    out = tmp_path_factory.mktemp("expected")
    settings = json.loads((trained.with_suffix(".json")).read_text())["settings"]
    told = json.loads((ROOT / "bundles/swinx_seg/configs/inference.json").read_text())
    done = run_bundle(
        "inference",
        "inference",
        dataset_dir=a_scan(cohort),
        output_dir=out,
        checkpoint=trained,
        **{setting: value for setting, value in settings.items() if setting in told},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return labels_in(out)


def a_scan(cohort: Path) -> Path:
    return sorted((cohort / "images").glob("testing_*"))[0]


def labels_in(folder: Path) -> np.ndarray:
    (file,) = folder.glob("*.nii.gz")
    return np.asanyarray(nib.load(file).dataobj)


def test_swinx_and_mlflow_are_not_in_the_environment(bare, tmp_path):
    for module in ("swinx", "mlflow", "sklearn", "highdicom"):
        done = execute(bare, "-c", f"import {module}", cwd=tmp_path)
        assert f"No module named '{module}'" in done.stderr


def test_inference_from_inside_the_bundle_gives_the_same_voxels(downloaded, bare, cohort, expected, tmp_path):
    words = arguments(
        config_file="configs/inference.json", dataset_dir=a_scan(cohort), output_dir=tmp_path / "out", backend="torch"
    )
    done = execute(bare, "-m", "monai.bundle", "run", "inference", *words, cwd=downloaded)
    assert done.returncode == 0, done.stderr[-3000:]
    assert np.array_equal(labels_in(tmp_path / "out"), expected)
    assert expected.any()


def test_inference_from_elsewhere_finds_the_bundle_s_weights_and_package(downloaded, bare, cohort, expected, tmp_path):
    config = downloaded / "configs" / "inference.json"
    words = arguments(config_file=config, dataset_dir=a_scan(cohort), output_dir=tmp_path / "out", backend="torch")
    done = execute(bare, "-m", "monai.bundle", "run", "inference", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert np.array_equal(labels_in(tmp_path / "out"), expected)


def test_monai_loads_the_network_with_its_weights(downloaded, bare, tmp_path):
    code = (
        "import sys, monai, torch\n"
        f"sys.path.insert(0, {str(downloaded)!r})\n"
        f"network = monai.bundle.load('swinx_seg', bundle_dir={str(downloaded.parent)!r}, workflow_type='inference')\n"
        f"weights = torch.load({str(downloaded / 'models' / 'model.pt')!r}, weights_only=True)\n"
        "mine = network.state_dict()\n"
        "assert all(torch.equal(mine[name], weights[name]) for name in mine if torch.is_tensor(mine[name]))\n"
        "print(type(network).__module__, tuple(network.eval()(torch.zeros(1, 1, 32, 32, 32)).shape))\n"
    )
    done = execute(bare, "-c", code, cwd=tmp_path)
    assert "swinx.networks.swinx_seg (1, 15, 32, 32, 32)" in done.stdout, done.stderr[-3000:]


@pytest.mark.parametrize("kind", ["inference", "train"])
def test_a_workflow_made_from_the_bundle_misses_no_property(kind, downloaded, bare, cohort, tmp_path):
    code = (
        "from monai.bundle import create_workflow\n"
        f"workflow = create_workflow('monai.bundle.ConfigWorkflow', 'configs/{kind}.json', workflow_type='{kind}', "
        f"dataset_dir={str(cohort)!r}, output_dir={str(tmp_path)!r})\n"
        "print('missing:', workflow.check_properties())\n"
        "print('window:', workflow.parser['roi_size'], workflow.network_def.__class__.__name__)\n"
    )
    done = execute(bare, "-c", code, cwd=downloaded)
    assert "missing: []" in done.stdout, done.stderr[-3000:]
    assert "window: [32, 32, 32] SwinXSeg" in done.stdout


def test_training_goes_on_from_the_packed_weights_without_the_tracker(downloaded, bare, cohort, tmp_path):
    words = arguments(
        config_file=downloaded / "configs" / "train.json",
        dataset_dir=cohort,
        output_dir=tmp_path / "out",
        checkpoint=tmp_path / "model.pt",
        pretrained=downloaded / "models" / "model.pt",
        max_epochs=1,
    )
    done = execute(bare, "-m", "monai.bundle", "run", "training", *words, cwd=tmp_path, SWINX_MLFLOW="on")
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "model.pt").is_file()
    assert 'MLflow is not installed: pip install "mlflow>=3,<4"' in done.stderr


@pytest.mark.parametrize("name", ["ssl_smit", "pseudolabel", "swinx_seg"])
def test_metadata_name_all_packages_that_the_configurations_import(name, environment, tmp_path):
    configs = ROOT / "bundles" / name / "configs"
    whole = [content for path in configs.glob("*.json") for content in [json.loads(path.read_text())]]
    lines = {line.lstrip("$") for content in whole for line in content.get("imports", [])}
    path = f"import sys; sys.path.insert(0, {str(ROOT / 'plugins')!r})"
    done = execute(environment(name), "-c", "\n".join([path, *sorted(lines)]), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_bundle_without_its_weights_says_what_is_missing(packed, bare, cohort, tmp_path):
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path, [name for name in archive.namelist() if not name.endswith("model.pt")])
    config = tmp_path / "swinx_seg" / "configs" / "inference.json"
    words = arguments(config_file=config, dataset_dir=a_scan(cohort), output_dir=tmp_path / "out")
    done = execute(bare, "-m", "monai.bundle", "run", "inference", *words, cwd=tmp_path)
    assert done.returncode != 0
    assert "model.pt: no such file" in done.stderr


def test_a_bundle_of_another_version_is_refused_with_both_versions(packed, bare, cohort, tmp_path):
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path)
    metadata = tmp_path / "swinx_seg" / "configs" / "metadata.json"
    metadata.write_text(metadata.read_text().replace('"swinx_version": "0.2.0"', '"swinx_version": "0.7.0"'))
    words = arguments(config_file=metadata.parent / "inference.json", dataset_dir=a_scan(cohort), output_dir=tmp_path)
    done = execute(bare, "-m", "monai.bundle", "run", "inference", *words, cwd=tmp_path)
    assert done.returncode != 0
    assert "made for swinx 0.7.0, and swinx 0.2.0 is loaded" in done.stderr


def test_the_packed_pretraining_bundle_reconstructs_as_the_one_in_the_repository(environment, cohort, tmp_path):
    torch.manual_seed(0)
    encoder = SwinEncoder(embed_dim=12, num_heads=(1, 2, 4, 8))
    save_weights(SmitNetwork(encoder, out_dim=64, hidden_dim=32, bottleneck_dim=16), tmp_path / "model.pt")
    told = json.loads((ROOT / PRETRAINING / "inference.json").read_text())
    settings = {name: value for name, value in SMALL_PRETRAINING.items() if name in told and name not in PLACES}
    bundle = ROOT / "bundles" / "ssl_smit"
    archive = pack_bundle(bundle, tmp_path, weights=tmp_path / "model.pt", settings=settings)
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path)
    places = {"dataset_dir": a_scan(cohort), "output_dir": tmp_path / "out"}
    words = arguments(config_file=tmp_path / "ssl_smit/configs/inference.json", **places)
    done = execute(environment("ssl_smit"), "-m", "monai.bundle", "run", "inference", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    places["output_dir"] = tmp_path / "expected"
    here = run_bundle(
        "inference", "inference", configs=PRETRAINING, checkpoint=tmp_path / "model.pt", **places, **SMALL_PRETRAINING
    )
    assert here.returncode == 0, here.stderr[-3000:]
    ((one,), (other,)) = (list((tmp_path / name).rglob("*reconstruction.nii.gz")) for name in ("out", "expected"))
    np.testing.assert_array_equal(nib.load(one).get_fdata(), nib.load(other).get_fdata())

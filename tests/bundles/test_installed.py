"""The wheel in an environment of its own: it brings the bundles, and their runs write below the working directory."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata

from support.bare_environment import execute, make_bare_environment
from support.bundles import ROOT, SMALL, arguments

pytestmark = pytest.mark.slow

BUILT_FROM = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "plugins", "bundles")
PRIVATE = ("bundles/swinx_seg/models/model.pt", "bundles/swinx_seg/eval/history.csv", "bundles/swinx_seg/notes.json")
"""Files of an owner of a checkout, which a build must not publish."""


def build(source: Path, kind: str, out: Path) -> Path:
    """Build as pip does, with the setuptools that is installed here."""
    out.mkdir(exist_ok=True)
    code = f"from setuptools import build_meta; print(build_meta.build_{kind}({str(out)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return out / done.stdout.splitlines()[-1]


def modules_and_bundles(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    for name in BUILT_FROM:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, folder / name)
    shutil.rmtree(folder / "plugins" / "swinx.egg-info", ignore_errors=True)
    for name in PRIVATE:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("private")
    return folder


@pytest.fixture(scope="module")
def wheel(checkout, tmp_path_factory) -> Path:
    return build(checkout, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def metadata(wheel) -> Metadata:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Metadata.from_email(archive.read(name), validate=False)


@pytest.fixture(scope="module")
def python(wheel, metadata, tmp_path_factory) -> Path:
    """An environment with the wheel and what it requires without extras: no MLflow, no OpenVINO."""
    needed = [one.name for one in metadata.requires_dist or [] if one.marker is None]
    folder = tmp_path_factory.mktemp("installed")
    listed = folder / "requirements.json"
    listed.write_text(json.dumps({"required_packages_version": dict.fromkeys(needed, "")}))
    python = make_bare_environment(folder / "env", listed)
    words = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    here = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # a checkout is no installation
    subprocess.run(list(map(str, words)), env=here, check=True)
    return python


@pytest.fixture(scope="module")
def package(python, tmp_path_factory) -> Path:
    done = execute(python, "-c", "import swinx; print(swinx.__file__)", cwd=tmp_path_factory.mktemp("empty"))
    return Path(done.stdout.strip()).parent


def swinx_command(python: Path, *words: object, cwd: Path) -> str:
    done = execute(python, python.parent / "swinx", *words, cwd=cwd, SWINX_MLFLOW="on")
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_wheel_and_source_distribution_bring_the_listed_files_of_the_bundles_alone(checkout, wheel, tmp_path):
    files = modules_and_bundles(wheel)
    shipped = {
        f"swinx/{path.relative_to(checkout).as_posix()}"
        for bundle in ("pseudolabel", "ssl_smit", "swinx_seg")
        for pattern in ("LICENSE", "configs/*", "docs/*.md", "models/swinx_abdomen_small.*")
        for path in (checkout / "bundles" / bundle).glob(pattern)
    }
    assert {name for name in files if name.startswith("swinx/bundles/")} == shipped
    assert not {f"swinx/{name}" for name in PRIVATE} & files
    assert {"swinx/py.typed", "swinx/labels/structures.json", "swinx/shared_configs/mlflow.json"} <= files
    with tarfile.open(build(checkout, "sdist", tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = (path for path in tmp_path.iterdir() if (path / "PKG-INFO").is_file())
    assert modules_and_bundles(build(unpacked, "wheel", tmp_path / "again")) == files


def test_the_description_of_the_wheel_has_no_link_into_a_checkout(metadata):
    links = re.findall(r"\]\(([^)]*)\)", metadata.description)
    assert links
    assert [link for link in links if not link.startswith("https://")] == []
    assert "## Install" in metadata.description
    assert metadata.description_content_type == "text/markdown"


def test_the_extra_of_all_leaves_pytorch_as_it_is(metadata):
    """Of nnU-Net's requirements, torchvision fits one release of PyTorch, and replaces a build for CPUs."""
    extras = {
        extra
        for one in metadata.requires_dist
        if one.marker and one.marker.evaluate({"extra": "all"})
        for extra in one.extras
    }
    assert extras == {"dicom", "export", "fast", "tracking"}


def test_the_commands_find_the_installed_bundles_outside_of_a_checkout(python, package, tmp_path):
    listed = swinx_command(python, "bundles", cwd=tmp_path)
    for name in ("pseudolabel", "ssl_smit", "swinx_seg"):
        assert f"folder: {package / 'bundles' / name}" in listed
    assert f"{package / 'bundles'}" in swinx_command(python, "doctor", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_training_and_inference_of_the_installed_bundle_write_below_the_working_directory(
    python, package, cohort, tmp_path
):
    before = {path: path.stat().st_mtime_ns for path in package.rglob("*") if "__pycache__" not in path.parts}
    configs = package / "bundles" / "swinx_seg" / "configs"
    scan = sorted((cohort / "images").glob("testing_*"))[0]
    told = json.loads((configs / "inference.json").read_text())
    small = {name: value for name, value in SMALL.items() if name in told}
    for run_id, settings in (
        ("training", SMALL | {"config_file": configs / "train.json", "dataset_dir": cohort, "max_epochs": 1}),
        ("inference", small | {"config_file": configs / "inference.json", "dataset_dir": scan}),
    ):
        words = ["-m", "monai.bundle", "run", run_id, *arguments(**settings)]
        done = execute(python, *words, cwd=tmp_path, SWINX_MLFLOW="on")
        assert done.returncode == 0, done.stderr[-3000:]
        if run_id == "training":
            assert 'MLflow is not installed: pip install "mlflow>=3,<4"' in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["swinx_seg"]
    out = tmp_path / "swinx_seg"
    assert (out / "models" / "model.pt").is_file()
    assert json.loads((out / "models" / "model.json").read_text())["stage"] == "training"
    assert len(list((out / "eval").glob("testing_*.nii.gz"))) == 1
    assert before == {path: path.stat().st_mtime_ns for path in package.rglob("*") if "__pycache__" not in path.parts}


def test_the_script_of_the_image_segments_by_the_installed_package(python, trained, cohort, tmp_path):
    """As in the container: an empty working folder with the script, and the mounts; folders stand for these."""
    (tmp_path / "inputs").mkdir()
    shutil.copyfile(ROOT / "docker" / "predict.sh", tmp_path / "predict.sh")
    shutil.copyfile(sorted((cohort / "images").glob("testing_*"))[0], tmp_path / "inputs" / "anna_0000.nii.gz")
    paths = {"SWINX_PYTHON": str(python), "SWINX_WEIGHTS": str(trained), "SWINX_MLFLOW": "off", "OMP_NUM_THREADS": "1"}
    here = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | paths
    done = subprocess.run(["sh", "predict.sh"], cwd=tmp_path, env=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["anna.nii.gz"]
    assert {"anna.json", "cases.json", "inference.log"} == {path.name for path in (tmp_path / "logs").iterdir()}
    assert f"1 of 1 cases segmented into {tmp_path / 'outputs'}" in done.stdout + done.stderr
    told = (tmp_path / "logs" / "inference.log").read_text()
    assert "OpenVINO is not installed" in told, "it was not the environment of the wheel that ran"


def test_a_copy_runs_from_anywhere(python, cohort, tmp_path):
    place = Path(swinx_command(python, "bundles", "copy", "swinx_seg", tmp_path / "mine", cwd=tmp_path).strip())
    (tmp_path / "elsewhere").mkdir()
    config = place / "configs" / "train.json"
    config.write_text(config.read_text().replace('"max_epochs": 100', '"max_epochs": 1'))
    words = arguments(config_file=config, dataset_dir=cohort, **SMALL)
    done = execute(python, "-m", "monai.bundle", "run", "training", *words, cwd=tmp_path / "elsewhere")
    assert done.returncode == 0, done.stderr[-3000:]
    assert (place / "models" / "model.pt").is_file()
    assert (place / "eval" / "history.csv").read_text().count("\n") == 2
    assert list((tmp_path / "elsewhere").iterdir()) == []

"""What stops the launcher, told in one line, before MONAI Label loads; no server is started here."""

from __future__ import annotations

import importlib.util
import io
import itertools
import json
import os
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import torch

from support.label_server import LAUNCHER, free_port

FILES = ("configs/inference.json", "configs/metadata.json", "models/model.pt", "swinx/__init__.py")


@pytest.fixture(scope="module")
def launcher() -> ModuleType:
    spec = importlib.util.spec_from_file_location("serve", LAUNCHER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def _sample(launcher, monkeypatch) -> None:
    """Take what MONAI Label would copy from somewhere else."""

    def copied(folder: Path) -> Path:
        (folder / "monaibundle").mkdir()
        (folder / "monaibundle" / "main.py").write_text("class MyApp: ...\n")
        return folder / "monaibundle"

    monkeypatch.setattr(launcher, "_download_sample", copied)


def weights(value: float = 0.0) -> bytes:
    stream = io.BytesIO()
    torch.save({"layer.weight": torch.full((300,), value)}, stream)
    return stream.getvalue()


def write_bundle(path: Path, files=FILES, top: str = "swinx_seg/", **changed: bytes) -> Path:
    """Write a zip that the launcher takes; ``model=b"..."`` changes the file of that name."""
    contents = {"model": weights(), **changed}
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.writestr(top + file, contents.get(Path(file).stem, b"{}"))
    return path


def launch(*words: object, cwd: Path | None = None) -> str:
    """Start the launcher in vain and return what it says."""
    command = [sys.executable, str(LAUNCHER), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=cwd)
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


def stand_in(folder: Path) -> dict[str, str]:
    """A package that answers the launcher as MONAI Label does, and the environment in which it is found.

    It copies its sample app to where it is told to, seen from its working folder, and a server that it is to start
    ends at once, with its arguments and its working folder on the standard output.
    """
    package = folder / "stand_in" / "monailabel"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "main.py").write_text(
        """import json, os, pathlib, sys
if sys.argv[1] == "apps":
    app = pathlib.Path(sys.argv[sys.argv.index("--output") + 1]) / "monaibundle"
    app.mkdir(parents=True)
    (app / "main.py").write_text("class MyApp: ...")
    print("monaibundle is copied at:", app)
else:
    print(json.dumps([os.getcwd(), *sys.argv]))
"""
    )
    return os.environ | {"PYTHONPATH": str(package.parent)}


def test_a_port_in_use_is_named_and_the_way_to_another(tmp_path):
    bundle = write_bundle(tmp_path / "swinx_seg_v1.0.0.zip")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = launch("--bundle", bundle, "--studies", tmp_path, "--port", port, "--apps", tmp_path / "apps")
    assert len(said.splitlines()) == 1
    assert f"cannot listen at 127.0.0.1, port {port}" in said
    assert f"make label-server PORT={port + 1}" in said
    assert not (tmp_path / "apps").exists()


def test_a_host_of_another_machine_is_no_place_to_listen(launcher):
    with pytest.raises(launcher.CannotStartError, match=r"cannot listen at 192\.0\.2\.1"):
        launcher.check_port("192.0.2.1", free_port())


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_number_that_is_no_port_is_refused(launcher, port):
    with pytest.raises(launcher.CannotStartError, match=f"port {port}"):
        launcher.check_port("127.0.0.1", port)


@pytest.mark.parametrize("missing", FILES)
def test_a_bundle_that_lacks_something_is_not_served(launcher, tmp_path, missing):
    bundle = write_bundle(tmp_path / "swinx_seg.zip", [file for file in FILES if file != missing])
    with pytest.raises(launcher.CannotStartError, match=rf"swinx_seg\.zip: lacks {missing}; pack it"):
        launcher.bundle_files(bundle)


def test_the_folder_of_the_sources_is_no_packed_bundle(launcher):
    with pytest.raises(launcher.CannotStartError, match=r"lacks .*swinx/__init__\.py; pack it"):
        launcher.bundle_files(LAUNCHER.parents[2] / "bundles" / "swinx_seg")


@pytest.mark.parametrize("top", ["", "/", "/swinx_seg/", "a/../../"])
def test_a_zip_that_would_be_unpacked_elsewhere_is_refused(launcher, tmp_path, top):
    bundle = write_bundle(tmp_path / "odd.zip", top=top)
    with pytest.raises(launcher.CannotStartError, match="one folder at its top"):
        launcher.bundle_files(bundle)


def test_what_is_neither_zip_nor_folder_is_refused(launcher, tmp_path):
    (tmp_path / "model.pt").write_bytes(b"weights")
    for path in (tmp_path / "model.pt", tmp_path / "absent.zip"):
        with pytest.raises(launcher.CannotStartError, match="neither a folder nor a zip"):
            launcher.bundle_files(path)


def test_a_folder_of_scans_that_is_not_there_is_not_made(tmp_path):
    bundle = write_bundle(tmp_path / "swinx_seg.zip")
    said = launch("--bundle", bundle, "--studies", tmp_path / "scans", "--port", free_port())
    assert "no such folder; give the folder of your scans" in said
    assert not (tmp_path / "scans").exists()


def test_paths_relative_to_the_working_folder_are_served_from_there(tmp_path):
    write_bundle(tmp_path / "dist.zip")
    (tmp_path / "scans").mkdir()
    command = [sys.executable, str(LAUNCHER), "--bundle", "dist.zip", "--studies", "scans", "--port", str(free_port())]
    environment = stand_in(tmp_path)
    for _ in range(2):  # the first start makes the app, the second finds it
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        folder, *words = json.loads(done.stdout.splitlines()[-1])
        (app,) = (tmp_path / "work" / "monai_label").iterdir()
        assert (app / "model" / "swinx_seg" / "models" / "model.pt").is_file()
        told = dict(itertools.pairwise(words))
        assert folder == told["--app"] == str(app.resolve())
        assert told["--studies"] == str((tmp_path / "scans").resolve())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dist.zip", "scans", "stand_in", "work"]


def test_without_studies_the_working_folder_is_not_served(tmp_path):
    """``make label-server`` hands over an empty word where STUDIES is not set."""
    bundle = write_bundle(tmp_path / "swinx_seg.zip")
    said = launch("--bundle", bundle, "--studies", "", "--port", free_port(), cwd=tmp_path)
    assert len(said.splitlines()) == 1
    assert "make label-server STUDIES=<folder>" in said
    assert [path.name for path in tmp_path.iterdir()] == ["swinx_seg.zip"]


def test_without_monai_label_the_way_to_install_it_is_told(tmp_path):
    bundle = write_bundle(tmp_path / "swinx_seg.zip")
    apps = tmp_path / "apps"
    said = launch("--bundle", bundle, "--studies", tmp_path, "--port", free_port(), "--apps", apps)
    assert "make install-label" in said
    assert list(apps.iterdir()) == []


@pytest.mark.usefixtures("_sample")
def test_what_was_learned_stays_for_the_same_bundle_and_another_gets_its_own_folder(launcher, tmp_path):
    bundle = write_bundle(tmp_path / "swinx_seg.zip")
    app, name = launcher.prepare_app(bundle, tmp_path / "apps")
    model = app / "model" / name / "models" / "model.pt"
    assert (app / "sample_app.py").is_file()
    assert "SwinxApp" in (app / "main.py").read_text()
    model.write_bytes(weights(1.0))
    assert launcher.prepare_app(bundle, tmp_path / "apps") == (app, name)
    assert model.read_bytes() == weights(1.0)
    other, _ = launcher.prepare_app(write_bundle(tmp_path / "other.zip", [*FILES, "LICENSE"]), tmp_path / "apps")
    assert other != app
    unpacked, name = launcher.prepare_app(app / "model" / "swinx_seg", tmp_path / "apps")
    assert (name, (unpacked / "model" / name / "models" / "model.pt").read_bytes()) == ("swinx_seg", weights(1.0))


@pytest.mark.usefixtures("_sample")
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"metadata": b"{"}, r"configs/metadata\.json is not JSON"),
        ({"inference": b"\xff"}, r"configs/inference\.json is not JSON"),
        ({"model": b"hello"}, r"models/model\.pt holds no weights"),
        ({"model": weights()[:-400]}, r"models/model\.pt holds no weights"),
    ],
)
def test_a_bundle_that_could_not_segment_is_not_served(launcher, tmp_path, changed, reason):
    bundle = write_bundle(tmp_path / "swinx_seg.zip", **changed)
    with pytest.raises(launcher.CannotStartError, match=rf"swinx_seg\.zip: {reason}") as caught:
        launcher.prepare_app(bundle, tmp_path / "apps")
    assert len(str(caught.value).splitlines()) == 1
    assert list((tmp_path / "apps").iterdir()) == []


@pytest.mark.usefixtures("_sample")
def test_weights_that_are_no_dictionary_are_not_served(launcher, tmp_path):
    stream = io.BytesIO()
    torch.save(torch.zeros(3), stream)
    bundle = write_bundle(tmp_path / "swinx_seg.zip", model=stream.getvalue())
    with pytest.raises(launcher.CannotStartError, match="holds no weights"):
        launcher.prepare_app(bundle, tmp_path / "apps")


@pytest.mark.usefixtures("_sample")
def test_a_zip_that_was_damaged_on_its_way_is_not_served(launcher, tmp_path):
    bundle = write_bundle(tmp_path / "swinx_seg.zip")
    content = bytearray(bundle.read_bytes())
    content[content.index(b"models/model.pt") + 700] ^= 1
    bundle.write_bytes(content)
    with pytest.raises(launcher.CannotStartError, match=r"swinx_seg\.zip: damaged: Bad CRC-32"):
        launcher.prepare_app(bundle, tmp_path / "apps")


def test_a_folder_for_apps_that_cannot_be_made_is_named_in_one_line(tmp_path):
    bundle = write_bundle(tmp_path / "swinx_seg.zip")
    for apps in ("/proc/nope", str(bundle)):
        said = launch("--bundle", bundle, "--studies", tmp_path, "--port", free_port(), "--apps", apps)
        assert len(said.splitlines()) == 1
        assert f"{apps}: cannot be written" in said
        assert "--apps" in said

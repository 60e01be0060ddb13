"""The doctor sees what is missing, says how to mend it, and finds nothing wrong where nothing is."""

from __future__ import annotations

import http.server
import importlib.metadata
import json
import sys
import threading

import pytest
import torch

from swinx.bundle import bundle_folders
from swinx.cli import requirements
from swinx.cli.doctor import _device_fault, doctor, examine
from swinx.cli.requirements import check_requirements
from swinx.tracking import sqlite_uri


class Fake(importlib.metadata.Distribution):
    """A package with requirements of our choice."""

    def read_text(self, filename):
        """Give the metadata."""
        lines = ["Metadata-Version: 2.1", "Name: fake", "Version: 1", "Provides-Extra: more", "Provides-Extra: all"]
        lines += ["Requires-Dist: numpy>=1", "Requires-Dist: torch>=99", "Requires-Dist: nowhere-to-be-found>=2"]
        lines += ["Requires-Dist: absent-one; extra == 'more'", "Requires-Dist: scipy>=1; extra == 'all'"]
        lines += ["Requires-Dist: other-system; sys_platform == 'none'", "Requires-Dist: fake[more]; extra == 'all'"]
        return "\n".join(lines) if filename == "METADATA" else None

    def locate_file(self, path):
        """Has no files."""
        raise NotImplementedError


def found(findings):
    return {finding.name: finding for finding in findings}


@pytest.fixture(autouse=True)
def _tracking(monkeypatch, tmp_path):
    monkeypatch.delenv("SWINX_MLFLOW", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_uri(tmp_path / "mlflow.db"))


def test_requirements_are_held_against_what_is_installed(monkeypatch):
    real = importlib.metadata.Distribution.from_name
    monkeypatch.setattr(
        importlib.metadata.Distribution, "from_name", classmethod(lambda _, n: Fake() if n == "fake" else real(n))
    )
    seen = found(check_requirements("fake"))
    assert {name: finding.state for name, finding in seen.items()} == {
        "numpy": "ok",
        "torch": "fault",
        "nowhere-to-be-found": "fault",
        "extra more": "note",
        "extra all": "ok",
    }
    assert ">=99 is needed" in seen["torch"].detail
    assert seen["nowhere-to-be-found"].remedy == 'pip install "nowhere-to-be-found>=2"'
    assert seen["extra more"].remedy == 'pip install "fake[more]"'
    assert "extra more" not in found(check_requirements("fake", left_out=("more",)))


@pytest.mark.parametrize(("torchvision", "warned"), [("absent-torchvision", True), ("numpy", False)])
def test_the_extra_that_would_replace_pytorch_is_told_with_what_keeps_it(monkeypatch, torchvision, warned):
    """It brings torchvision, whose wheels fit one release of PyTorch each."""
    monkeypatch.setattr(requirements, "_BRINGS", {"absent-one": torchvision})
    real = importlib.metadata.Distribution.from_name
    monkeypatch.setattr(
        importlib.metadata.Distribution, "from_name", classmethod(lambda _, n: Fake() if n == "fake" else real(n))
    )
    remedy = found(check_requirements("fake"))["extra more"].remedy
    assert remedy.startswith('pip install "fake[more]"')
    assert (f"{torchvision} of the same build as PyTorch first" in remedy) == warned


def test_a_package_that_lies_beside_a_bundle_is_no_fault():
    (finding,) = check_requirements("no-such-distribution")
    assert finding.state == "note"


def test_this_machine_serves(capsys, tmp_path):
    doctor(str(tmp_path))
    printed = capsys.readouterr().out
    assert printed.endswith("0 faults\n")
    for name in ("python", "torch", "monai", "extra nnunet", "extra export", "disk", "tracker"):
        assert name in printed


def test_a_tracker_that_is_away_is_a_fault(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(SystemExit) as ended:
        doctor(str(tmp_path))
    assert ended.value.code == 1
    assert "http://127.0.0.1:9 does not answer" in capsys.readouterr().out


def test_a_tracker_that_answers_is_none(monkeypatch, tmp_path):
    class Healthy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        assert found(examine(tmp_path))["tracker"].state == "ok"
        server.shutdown()


@pytest.mark.parametrize(("code", "state"), [(200, "ok"), (401, "ok"), (500, "fault")])
def test_credentials_of_the_tracker_are_neither_shown_nor_sent(monkeypatch, tmp_path, code, state):
    heard = []

    class Closed(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            heard.append((self.path, self.headers.get("Authorization")))
            self.send_response(code)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Closed) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"127.0.0.1:{server.server_port}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:hunter2@{place}?token=hunter2")
        finding = found(examine(tmp_path))["tracker"]
        server.shutdown()
    assert finding.state == state
    assert f"http://{place} answers" in finding.detail
    assert "hunter2" not in finding.detail
    assert heard == [("/health", None)]


def test_tracking_that_is_off_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("SWINX_MLFLOW", "off")
    assert "SWINX_MLFLOW" in found(examine(tmp_path))["tracker"].detail


def test_bundles_with_and_without_weights_are_told(tmp_path):
    for name in ("trained", "fresh", "broken"):
        (tmp_path / name / "configs").mkdir(parents=True)
        (tmp_path / name / "configs" / "metadata.json").write_text("{}")
        (tmp_path / name / "configs" / "train.json").write_text(json.dumps({"checkpoint": "a"}))
    (tmp_path / "broken" / "configs" / "train.json").write_text("no json")
    (tmp_path / "trained" / "models").mkdir()
    torch.save({"a": torch.zeros(500_000)}, tmp_path / "trained" / "models" / "model.pt")
    seen = found(examine(tmp_path))
    assert (seen["trained"].state, seen["fresh"].state) == ("ok", "note")
    assert seen["fresh"].remedy == "train it, or give --checkpoint FILE"
    assert "2 MB" in seen["trained"].detail
    (tmp_path / "trained" / "models" / "model.pt").write_bytes(b"0" * 2_000_000)
    damaged = found(examine(tmp_path))["trained"]
    assert damaged.state == "fault"
    assert "model.pt" in damaged.detail.partition("; ")[2]
    assert "weights" not in seen["broken"].detail


def test_a_folder_of_bundles_that_is_missing_or_empty_is_told(capsys, tmp_path):
    doctor(str(tmp_path / "nowhere"))
    assert f"{tmp_path / 'nowhere'}: no such folder" in capsys.readouterr().out
    assert found(examine(tmp_path / "nowhere"))["bundles"].state == "note"
    assert "no bundle in" in found(examine(tmp_path))["bundles"].detail
    (tmp_path / "one" / "configs").mkdir(parents=True)
    (tmp_path / "one" / "configs" / "metadata.json").write_text("{}")
    assert "bundles" not in found(examine(tmp_path))


def test_the_environment_of_monai_label_counts_once_it_is_complete(monkeypatch, tmp_path):
    """``make install-label`` leaves its mark last."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LABEL_VENV", raising=False)
    assert "MONAI Label" not in found(examine(tmp_path))  # no checkout, and so no make
    (tmp_path / "label.mk").touch()
    assert found(examine(tmp_path))["MONAI Label"].remedy == "make install-label"
    (tmp_path / ".venv-label").mkdir()
    (tmp_path / ".venv-label" / ".installed").touch()
    assert found(examine(tmp_path))["MONAI Label"].state == "note", "a mark is no installation"
    python = tmp_path / ".venv-label" / "bin" / "python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho 0.8.5\n")
    python.chmod(0o755)
    assert found(examine(tmp_path))["MONAI Label"].detail == "0.8.5 in .venv-label"
    (tmp_path / ".venv-label" / ".installed").unlink()
    assert "was not finished" in found(examine(tmp_path))["MONAI Label"].detail
    monkeypatch.setenv("LABEL_VENV", "elsewhere")
    assert "elsewhere" in found(examine(tmp_path))["MONAI Label"].detail


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_a_container_engine_counts_if_its_service_answers(monkeypatch, tmp_path, engine):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert found(examine(tmp_path))["containers"].detail.startswith("neither docker nor podman")
    program = tmp_path / engine
    program.write_text("#!/bin/sh\necho warning >&2\necho 'Cannot connect to the daemon' >&2\nexit 1\n")
    program.chmod(0o755)
    seen = found(examine(tmp_path))["containers"]
    assert (seen.state, seen.detail) == ("note", f"{program} does not answer: Cannot connect to the daemon")
    program.write_text("#!/bin/sh\nexit 0\n")
    assert found(examine(tmp_path))["containers"].detail == f"{program} does not answer: no reason given"
    asked = {"docker": '"$*" = "version --format {{.Server.Version}}"', "podman": "$1 = info"}[engine]
    program.write_text(f"#!/bin/sh\n[ {asked} ] && echo abc\n")
    seen = found(examine(tmp_path))["containers"]
    assert (seen.state, seen.detail) == ("ok", f"{program} answers")


def test_the_bundles_of_the_package_are_looked_at_by_default(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    seen = found(examine())
    for name, folder in bundle_folders().items():
        assert seen[name].detail.startswith(str(folder))


def test_a_missing_tracker_is_a_note_with_its_command(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    seen = found(examine(tmp_path))["tracker"]
    assert (seen.state, seen.remedy) == ("note", 'pip install "mlflow>=3,<4"')


def test_a_gpu_counts_if_it_computes():
    assert _device_fault("cpu") == ""
    assert _device_fault("cuda:97").startswith("computes nothing: ")


def test_bundles_without_weights_are_told_with_the_command_that_trains_them(monkeypatch, tmp_path):
    monkeypatch.setattr("swinx.cli.doctor.own_weights", lambda _: tmp_path / "model.pt")
    seen = found(examine())
    assert seen["swinx_seg"].remedy.startswith("swinx train DATA, or give --checkpoint FILE")
    assert seen["ssl_smit"].remedy.startswith("swinx pretrain DATA, or give --checkpoint FILE")


def test_extras_of_developers_are_told_in_a_checkout_alone(monkeypatch, tmp_path):
    assert "extra dev" in found(examine(tmp_path))
    monkeypatch.setattr("swinx.cli.doctor._is_checkout", lambda: False)
    assert "extra dev" not in found(examine(tmp_path))


@pytest.mark.parametrize("nvidia", [True, False])
def test_a_build_for_gpus_is_advised_where_there_is_one(monkeypatch, tmp_path, nvidia):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    if nvidia:
        (tmp_path / "nvidia-smi").write_text("#!/bin/sh\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    seen = found(examine(tmp_path))["GPU"]
    assert (seen.state, "PyTorch" in seen.remedy) == (("note", True) if nvidia else ("ok", False))


def test_the_doctor_needs_no_clone(monkeypatch, capsys, tmp_path):
    """In an empty folder, with the package at a place of its own."""
    monkeypatch.chdir(tmp_path)
    doctor()
    printed = capsys.readouterr().out
    assert printed.endswith("0 faults\n")
    for name in bundle_folders():
        assert f"{name}" in printed
    assert not list(tmp_path.iterdir())

"""``swinx doctor``: state of the installation and the machine, with a command that fixes each fault."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

import swinx
from swinx.bundle import bundle_folders, own_weights
from swinx.cli.front.terminal import say
from swinx.cli.requirements import Finding, check_requirements
from swinx.errors import WeightsError, reason_of
from swinx.files import read_json
from swinx.networks import read_checkpoint
from swinx.tracking import sqlite_uri, without_credentials

__all__ = ["doctor", "examine"]

_OLDEST_PYTHON = (3, 10)
_TRAINED_BY = {"ssl_smit": "swinx pretrain DATA", "swinx_seg": "swinx train DATA"}
_LITTLE_DISK_GB = 10
_LITTLE_SHARED_MEMORY_GB = 1
_LITTLE_MEMORY_GB = 8
_MARKS = {"ok": "ok", "note": "note", "fault": "FAULT"}
_SERVER_ANSWERS_WITHIN_S = 3.0
_ANSWERS_WITHIN_S = 10.0
_LABEL_VERSION = "import importlib.metadata as found; print(found.version('monailabel'))"


def doctor(bundles: str | None = None) -> None:
    """Print what is installed and what is missing, with the command that fixes it; the exit code is 1 at a fault.

    Args:
        bundles: Folder of bundles; by default those that come with the package.
    """
    findings = list(examine(bundles))
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        say(f"{_MARKS[finding.state]:6}{finding.name:{width}}  {finding.detail}")
        if finding.remedy:
            say(f"{'':6}{'':{width}}  -> {finding.remedy}")
    faults = sum(finding.state == "fault" for finding in findings)
    say(f"{faults} fault{'' if faults == 1 else 's'}")
    if faults:
        raise SystemExit(1)


def examine(bundles: str | os.PathLike[str] | None = None) -> Iterator[Finding]:
    """Yield findings about packages, devices, disks, tracking, optional tools and bundles.

    Args:
        bundles: Folder of bundles; by default those that come with the package.
    """
    yield _python()
    yield Finding("swinx", "ok", f"{swinx.__version__} in {Path(swinx.__file__).parent}")
    yield from check_requirements("swinx", left_out=() if _is_checkout() else ("dev",))
    yield from _devices()
    yield from _host()
    yield _tracker()
    if (Path.cwd() / "label.mk").is_file():
        yield _label_server()
    yield _containers()
    yield from _bundles(None if bundles is None else Path(bundles))


def _is_checkout() -> bool:
    return Path(swinx.__file__).parents[2].joinpath("pyproject.toml").is_file()


def _python() -> Finding:
    found = f"{platform.python_version()} in {sys.prefix}"
    if sys.version_info < _OLDEST_PYTHON:
        return Finding("python", "fault", found, f"install Python {'.'.join(map(str, _OLDEST_PYTHON))} or newer")
    return Finding("python", "ok", found)


def _devices() -> Iterator[Finding]:
    if not torch.cuda.is_available():
        built = f"PyTorch {torch.__version__}"
        if torch.version.cuda is None:
            there = shutil.which("nvidia-smi") is not None  # comes with the driver
            remedy = "install a build of PyTorch with CUDA, such as that on PyPI" if there else ""
            yield Finding("GPU", "note" if there else "ok", f"none; {built} is built without CUDA", remedy)
        else:
            yield Finding("GPU", "note", f"none that {built} (CUDA {torch.version.cuda}) can use; see nvidia-smi")
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        detail = f"{about.name}, {about.total_memory / 1024**3:.0f} GB, compute capability {about.major}.{about.minor}"
        fault = _device_fault(f"cuda:{number}")
        remedy = f"look at nvidia-smi; or keep runs off it: CUDA_VISIBLE_DEVICES without {number}" if fault else ""
        yield Finding(f"GPU {number}", "fault" if fault else "ok", f"{detail}{fault and '; '}{fault}", remedy)


def _device_fault(device: str) -> str:
    """Return the reason why a device computes nothing; empty if it adds up."""
    try:
        total = float(torch.ones(2, device=device).sum())
    except (RuntimeError, AssertionError) as error:  # the second of a PyTorch without CUDA
        return f"computes nothing: {reason_of(error)}"
    return "" if total == 2.0 else f"computes 1 + 1 = {total:g}"


def _host() -> Iterator[Finding]:
    memory = psutil.virtual_memory().total / 1024**3
    detail = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads of PyTorch, {memory:.0f} GB of memory"
    remedy = "segment long scans on a machine with more memory" if memory < _LITTLE_MEMORY_GB else ""
    yield Finding("host", "note" if remedy else "ok", detail, remedy)
    free = shutil.disk_usage(Path.cwd()).free / 1024**3
    remedy = "trainings write states and caches: make room" if free < _LITTLE_DISK_GB else ""
    yield Finding("disk", "note" if remedy else "ok", f"{free:.0f} GB free here", remedy)
    shared = Path("/dev/shm")
    if shared.is_dir():
        size = shutil.disk_usage(shared).total / 1024**3
        little = size < _LITTLE_SHARED_MEMORY_GB
        remedy = "give --num_workers 0, or the container more (docker run --shm-size 8g)" if little else ""
        yield Finding("shared memory", "note" if little else "ok", f"{size:.1f} GB for loader processes", remedy)


def _tracker() -> Finding:
    if importlib.util.find_spec("mlflow") is None:
        return Finding("tracker", "note", "MLflow is not installed: runs are not tracked", 'pip install "mlflow>=3,<4"')
    if os.environ.get("SWINX_MLFLOW", "").lower() in ("0", "off", "false", "no"):
        return Finding("tracker", "note", "off by SWINX_MLFLOW", "unset SWINX_MLFLOW to track runs")
    uri = without_credentials(os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri("mlflow.db"))
    if uri.startswith("sqlite:///"):
        path = Path(uri.removeprefix("sqlite:///"))
        place = path if path.exists() else next(parent for parent in path.parents if parent.exists())
        if os.access(place, os.W_OK):
            return Finding("tracker", "ok", f"{uri}{'' if path.exists() else ', made by the first run'}")
        remedy = "set MLFLOW_TRACKING_URI to a file or server that can be written"
        return Finding("tracker", "fault", f"{uri} cannot be written", remedy)
    if not uri.startswith(("http://", "https://")):
        return Finding("tracker", "note", f"{uri} is not looked at: neither a SQLite file nor a server")
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=_SERVER_ANSWERS_WITHIN_S):
            return Finding("tracker", "ok", f"{uri} answers")
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return Finding("tracker", "ok", f"{uri} answers, and asks for credentials, which are not sent here")
        remedy = "look into the log of the server; until then runs are kept in their output folders"
        return Finding("tracker", "fault", f"{uri} answers with {error}", remedy)
    except (OSError, ValueError, urllib.error.URLError) as error:
        remedy = "start the server, or unset MLFLOW_TRACKING_URI; until then runs are kept in their output folders"
        return Finding("tracker", "fault", f"{uri} does not answer: {error}", remedy)


def _label_server() -> Finding:
    folder = Path(os.environ.get("LABEL_VENV") or ".venv-label")  # as label.mk has it, which leaves a mark last
    version, fault = _asked([str(folder / "bin" / "python"), "-c", _LABEL_VERSION])
    fault = fault or ("" if (folder / ".installed").is_file() else "the installation was not finished")
    if not fault:
        return Finding("MONAI Label", "ok", f"{version} in {folder}")
    detail = f"not installed in {folder} ({fault}); the server alone needs it"
    return Finding("MONAI Label", "note", detail, "make install-label")


def _containers() -> Finding:
    found = {path: _engine_fault(path) for engine in ("docker", "podman") if (path := shutil.which(engine))}
    if not found:
        remedy = "install one to build the image of docker/Dockerfile"
        return Finding("containers", "note", "neither docker nor podman; the image alone needs one", remedy)
    if answering := [path for path, fault in found.items() if not fault]:
        return Finding("containers", "ok", f"{', '.join(answering)} answers")
    detail = "; ".join(f"{path} {fault}" for path, fault in found.items())
    return Finding("containers", "note", detail, "start its service, or ask for access to it")


def _engine_fault(program: str) -> str:
    """Return the reason why a container engine cannot run anything; empty if its service answers."""
    # Of docker the version of its service, since the program tells its own without one; podman needs no service.
    asked = ["version", "--format", "{{.Server.Version}}"] if program.endswith("docker") else ["info"]
    _, fault = _asked([program, *asked])
    return f"does not answer: {fault}" if fault else ""


def _asked(command: list[str]) -> tuple[str, str]:
    """Return the answer of a program, empty if it fails or prints nothing, and then the reason."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWERS_WITHIN_S, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return "", str(error)
    if done.returncode == 0 and (answer := done.stdout.strip()):
        return answer, ""
    return "", ((done.stderr or done.stdout).strip().splitlines() or ["no reason given"])[-1]


def _bundles(folder: Path | None) -> Iterator[Finding]:
    if folder is None:
        listed = list(bundle_folders().values())
    else:
        listed = sorted(path.parents[1] for path in folder.glob("*/configs/metadata.json"))
    if not listed:
        place = folder or Path(swinx.__file__).parent
        detail = f"no bundle in {place}" if place.is_dir() else f"{place}: no such folder"
        yield Finding("bundles", "note", detail, "give the folder of the bundles: swinx doctor --bundles FOLDER")
    for bundle in listed:
        weights = Path(own_weights(bundle))
        if weights.is_file():
            detail, fault = f"{bundle}; {weights}, {weights.stat().st_size / 1e6:.0f} MB", _weights_fault(weights)
            remedy = "copy them again, or train anew" if fault else ""
            yield Finding(bundle.name, "fault" if fault else "ok", f"{detail}{fault and '; '}{fault}", remedy)
        elif _makes_weights(bundle / "configs" / "train.json"):
            remedy = f"{_TRAINED_BY.get(bundle.name, 'train it')}, or give --checkpoint FILE"
            yield Finding(bundle.name, "note", f"{bundle}; no weights at {weights}", remedy)
        else:
            yield Finding(bundle.name, "ok", str(bundle))


def _weights_fault(path: Path) -> str:
    """Return the reason why weights cannot be used; empty if they are read."""
    try:
        read_checkpoint(path)
    except (WeightsError, OSError) as error:
        return reason_of(error)
    return ""


def _makes_weights(config: Path) -> bool:
    try:
        return "checkpoint" in read_json(config)
    except (OSError, ValueError, TypeError):
        return False

"""What the benchmarks share: a bundle run as a user runs it, and a record that says how it came about."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import monai
import torch

import swinx
from swinx.files import write_json

__all__ = ["RESULTS", "ROOT", "machine_name", "picture_path", "run_bundle", "write_record"]

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"

# Threads that wait in a loop take the cores from those that work, as soon as there are more than cores; read when
# OpenMP begins, and so for the programs that are started from here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def run_bundle(
    run_id: str, config_files: Sequence[str], settings: Mapping[str, Any], threads: int | None = None
) -> None:
    """Run a bundle from the root of the repository, as a user does.

    Args:
        run_id: ``training``, ``evaluate``, ``inference``.
        config_files: Configuration files, relative to the root.
        settings: Values for the command line.
        threads: Of PyTorch; by default all cores.

    Raises:
        subprocess.CalledProcessError: If the run fails.
    """
    files = config_files[0] if len(config_files) == 1 else str(list(config_files))
    words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "monai.bundle", "run", run_id, "--config_file", files, *words]
    environment = os.environ | ({} if threads is None else {"OMP_NUM_THREADS": str(threads)})
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def picture_path(out_dir: Path, name: str) -> Path:
    """Return where a picture goes by default: to the documents, or beside a record that goes elsewhere."""
    folder = ROOT / "docs" / "images" if out_dir == RESULTS else out_dir
    return folder / f"{name}.png"


def write_record(out_dir: Path, name: str, content: Mapping[str, Any]) -> Path:
    """Write ``<name>_<machine>.json``: command, machine, date and versions, then ``content``.

    Args:
        out_dir: Folder for the record, made if missing.
        name: Beginning of the file's name.
        content: What was measured, and its settings.
    """
    machine = machine_name()
    path = out_dir / f"{name}_{'_'.join(machine.split())}.json"
    record = {
        "command": " ".join([f"benchmarks/{Path(sys.argv[0]).name}", *map(_without_folders, sys.argv[1:])]),
        "machine": machine,
        "threads": torch.get_num_threads(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
        "load_of_the_machine": [round(load, 1) for load in os.getloadavg()],
        "date": datetime.now(timezone.utc).date().isoformat(),
        "versions": {
            "swinx": swinx.__version__,
            "torch": torch.__version__,
            "monai": monai.__version__,
            "python": platform.python_version(),
            **_versions_of("numpy", "openvino", "onnxruntime"),
        },
    }
    write_json(path, record | dict(content))
    return path


def _versions_of(*packages: str) -> dict[str, str]:
    found = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _without_folders(word: str) -> str:
    """Return a word of the command line, of an absolute path its name alone."""
    return Path(word).name if Path(word).is_absolute() else word


def machine_name() -> str:
    """Name the GPU, or else the CPU."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()

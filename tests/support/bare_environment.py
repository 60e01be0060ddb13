"""An environment that has MONAI and what a bundle's metadata name, and nothing else: no swinx, no MLflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.warm_python import run_warm


def make_bare_environment(folder: Path, metadata: Path) -> Path:
    """Make a virtual environment of links to the packages that ``metadata`` ask for; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip())
    named = list(json.loads(metadata.read_text())["required_packages_version"])
    for name in _with_dependencies(["monai", "torch", "numpy", "fire", *named]):
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or [] if file.parts[0] != ".."}:
            link = site / top
            if not link.exists():
                link.symlink_to(Path(str(found.locate_file(top))).resolve())
    return python


def _with_dependencies(names: list[str]) -> set[str]:
    found: set[str] = set()
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            wanted = [Requirement(text) for text in distribution(name).requires or []]
        except PackageNotFoundError:
            continue  # one of nnU-Net's that its installation leaves out
        found.add(name)
        waiting += [
            canonicalize_name(one.name) for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})
        ]
    return found


def execute(python: Path, *words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a Python in a folder, without this one's search path; it starts with MONAI imported."""
    all_of_it = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | environment
    command = [str(python), *map(str, words)]
    if command[1] in ("-m", "-c"):
        return run_warm(command, cwd, all_of_it, imported=("monai.bundle",))
    return subprocess.run(command, cwd=cwd, env=all_of_it, capture_output=True, text=True, check=False)

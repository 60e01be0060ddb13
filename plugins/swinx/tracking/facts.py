"""Facts about a run besides its numbers: machine, versions, commit."""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import torch

from swinx import __version__
from swinx.bundle import is_installed

__all__ = ["environment", "git_commit", "project_root", "run_tags"]

_SECONDS = 5.0


def project_root(bundle_root: str | os.PathLike[str]) -> Path:
    """Return the nearest folder above a bundle that is a checkout or a project; else the working directory.

    The latter is the project of an installed bundle, too, whatever the environment lies in.

    Args:
        bundle_root: Folder of the bundle.
    """
    if is_installed(bundle_root):
        return Path.cwd()
    for folder in Path(bundle_root).absolute().parents:
        if (folder / ".git").exists() or (folder / "pyproject.toml").is_file():
            return folder
    return Path.cwd()


def git_commit(folder: str | os.PathLike[str]) -> str | None:
    """Return the commit of a checkout, with ``-dirty`` where files have changed; None if it is none."""
    try:
        found = subprocess.run(
            ["git", "-C", os.fspath(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


def run_tags(stage: str, bundle_root: str | os.PathLike[str]) -> dict[str, str]:
    """Return the tags of a run: stage, bundle and its version, plugin version, commit, host, device.

    Args:
        stage: ``pretraining``, ``teacher``, ``refinement``, ``training`` or ``evaluation``.
        bundle_root: Folder of the bundle.
    """
    root = Path(bundle_root).absolute()
    try:
        version = str(json.loads((root / "configs" / "metadata.json").read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        version = "unknown"
    tags = {
        "swinx.stage": stage,
        "swinx.bundle": root.name,
        "swinx.bundle_version": version,
        "swinx.version": __version__,
        "swinx.host": socket.gethostname(),
        "swinx.device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine() + " CPU",
    }
    if not is_installed(root) and (commit := git_commit(root)):
        tags |= {"mlflow.source.git.commit": commit.removesuffix("-dirty"), "swinx.commit": commit}
    return tags


def environment() -> dict[str, Any]:
    """Return Python, system and the version of every installed package."""
    packages = {str(found.metadata["Name"]): found.version for found in distributions()}
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cuda": torch.version.cuda,
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }

"""Scans of spheres, small enough to train on within a test, and a way to run a bundle as a user does."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np

from support.warm_python import WarmProcess, run_warm, start_warm

ROOT = Path(__file__).parents[2]
CONFIGS = "bundles/swinx_seg/configs"

PRETRAINING = "bundles/ssl_smit/configs"

SMALL = {
    "embed_dim": 12,
    "num_heads": [1, 2, 4, 8],
    "decoder_channels": 8,
    "roi_size": [32, 32, 32],
    "pixdim": [4.0, 4.0, 4.0],
    "num_workers": 0,
    "progress": False,
}
"""Overrides that make the segmentation network small enough for a unit test."""

SMALL_PRETRAINING = {
    "embed_dim": 12,
    "num_heads": [1, 2, 4, 8],
    "out_dim": 64,
    "hidden_dim": 32,
    "bottleneck_dim": 16,
    "roi_size": [32, 32, 32],
    "block_size": 16,
    "pixdim": [4.0, 4.0, 4.0],
    "num_workers": 0,
    "progress": False,
}
"""The same for the pretraining of its encoder."""


def spheres(seed: int, shape=(40, 36, 20)) -> tuple[np.ndarray, np.ndarray]:
    """A soft-tissue block with a bright liver and a dark right kidney."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    hu = np.full(shape, -1000.0)
    hu[4:-4, 4:-4] = 0.0
    label = np.zeros(shape, dtype=np.uint8)
    for index, (where, value) in {1: ((12, 18, 10), 120.0), 2: ((28, 18, 10), -150.0)}.items():
        inside = ((grid - np.array(where) - rng.uniform(-2, 2, 3)) ** 2).sum(-1) < 30
        hu[inside], label[inside] = value, index
    return (hu + rng.normal(0, 10, shape)).astype(np.int16), label


def write_case(folder: Path, case: str, seed: int, affine: np.ndarray) -> tuple[Path, Path]:
    """Write one image and label; return their paths."""
    hu, label = spheres(seed)
    image_path, label_path = folder / f"images/{case}_0000.nii.gz", folder / f"labels/{case}.nii.gz"
    for path, volume in ((image_path, hu), (label_path, label)):
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(volume, affine), path)
    return image_path, label_path


def default_of(name: str, value: object) -> object:
    """The value of a setting without weights; inference takes it from the record of the weights, if there are some."""
    begin = f"$@trained.get('{name}', "
    text = str(value)
    return ast.literal_eval(text.removeprefix(begin).removesuffix(")")) if text.startswith(begin) else value


def arguments(**settings: object) -> list[str]:
    """Settings as a user types them."""
    return [word for name, value in settings.items() for word in (f"--{name}", str(value))]


PATCHES = {"positive_patches": 1, "negative_patches": 1}
"""Half as many patches as by default."""


def bundle_command(run_id: str, config: str | list[str], configs: str = CONFIGS, **settings: object) -> list[str]:
    """The documented command line, with quicker settings of the segmentation unless others are given.

    OpenVINO, the default of inference on a CPU, compiles a network for eleven seconds, and PyTorch lets a tiny one
    segment a scan in one; a training takes two patches of a scan and not four.
    """
    names = config if isinstance(config, list) else [config]
    files = [f"{configs}/{name}.json" for name in names]
    if configs == CONFIGS and names[0] == "inference" and "inference_openvino" not in names:
        settings = {"backend": "torch"} | settings
    if configs == CONFIGS and names == ["train"]:
        settings = PATCHES | settings
    file = str(files) if isinstance(config, list) else files[0]
    return [sys.executable, "-m", "monai.bundle", "run", run_id, "--config_file", file, *arguments(**settings)]


def run(command: list[str], cwd: Path = ROOT, timeout: float = 900) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would, from the repository root by default.

    Python starts with its imports done: see :mod:`support.warm_python`.
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    if command[0] == sys.executable:
        return run_warm(command, cwd, environment, timeout)
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", timeout=timeout, check=False
    )


def start(command: list[str], out: str | Path = os.devnull, **environment: str) -> WarmProcess:
    """Start a command as :func:`run` does, to be watched and killed; what it writes goes into a file."""
    return start_warm(command, ROOT, os.environ | {"OMP_NUM_THREADS": "1"} | environment, out, out)


def run_bundle(run_id: str, config: str | list[str], cwd: Path = ROOT, configs: str = CONFIGS, **settings: object):
    """Run a bundle and return the finished process."""
    return run(bundle_command(run_id, config, configs, **settings), cwd)

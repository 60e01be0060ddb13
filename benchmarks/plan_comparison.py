"""Plans of swinx beside those of nnU-Net, for the same three collections.

    .venv/bin/python benchmarks/plan_comparison.py

makes three collections of ``--cases`` cases: phantoms as CT, variants of the real CT of the demo at its own spacing
(parts of it along the body, larger or smaller, with other noise), and phantoms with intensities as of an MR scan in
slices of 6 mm. Each is written as a data list and as a data set of nnU-Net, and both planners are asked for GPUs of
``--gpu_gb``. nnU-Net is planned by its default planner and by the one for residual encoders (ResEnc). Nothing
is trained. Writes ``benchmarks/results/plan_comparison_<machine>.json``, and prints the table of ``docs/planning.md``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from bundle_trial import ROOT, write_record
from numpy.typing import NDArray
from scipy import ndimage

from swinx.cohorts import fetch_demo_ct, make_phantom
from swinx.data import read_volume, write_data_list
from swinx.labels import FLARE23
from swinx.nifti import write_nifti
from swinx.planning import Machine, plan, read_fingerprint

COLLECTIONS = {"phantoms": "CT", "real CT": "CT", "MR in thick slices": "MRI"}
MEMORY_MB = 64 * 1024
CORES = 16


class Case(NamedTuple):
    """A scan with its label."""

    image: NDArray[Any]
    label: NDArray[np.uint8]
    affine: NDArray[np.float64]


def main() -> None:
    """Make the collections, plan for them, and write what came out."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=5)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--gpu_gb", type=float, nargs="+", default=[8.0, 24.0])
    options.add_argument("--small", action="store_true", help="coarse phantoms alone, to try the script")
    options.add_argument("--cache", type=Path, default=ROOT / "work" / "demo" / "cache")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    given = options.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        set_folders_of_nnunet(Path(folder))
        for number, name in enumerate(["phantoms"] if given.small else COLLECTIONS, start=1):
            cases = make_cases(name, given.cases, np.random.default_rng([given.seed, number]), given.cache, given.small)
            data_list = write_collection(Path(folder), number, cases, COLLECTIONS[name])
            found[name] = {"swinx": ours(data_list, given.gpu_gb), "nnU-Net": theirs(number, given.gpu_gb)}
            print(name, json.dumps(found[name], indent=1), flush=True)
    nnunet = {"nnunetv2": version("nnunetv2")}
    settings = {"seed": given.seed, "cases": given.cases, "memory_mb": MEMORY_MB, "cores": CORES, "planner": nnunet}
    write_record(given.out, "plan_comparison_small" if given.small else "plan_comparison", settings | {"plans": found})
    print(table(found))


def make_cases(name: str, count: int, rng: np.random.Generator, cache: Path, small: bool) -> Iterator[Case]:
    """Yield the cases of a collection, one at a time."""
    if name == "real CT":
        yield from variants_of_the_ct(count, rng, cache)
        return
    for _ in range(count):
        if small:
            shape, spacing = (64, 56, 40), (5.0, 5.0, 6.0)
        elif name == "phantoms":
            shape, spacing = (360, 280, int(rng.integers(130, 170))), (1.0, 1.0, float(rng.uniform(1.25, 1.75)))
        else:
            shape, spacing = (400, 300, int(rng.integers(34, 44))), (0.9, 0.9, 6.0)
        phantom = make_phantom(rng, shape, spacing)
        yield Case(*phantom) if name == "phantoms" else as_mr(Case(*phantom), rng)


def variants_of_the_ct(count: int, rng: np.random.Generator, cache: Path) -> Iterator[Case]:
    """Yield parts of the real CT, larger or smaller by up to a tenth, with other noise; the first one is the CT."""
    image_path, label_path = fetch_demo_ct(cache)
    image, label = read_volume(image_path), read_volume(label_path, "label")
    hounsfield = image.array.astype(np.float32).clip(-1024, 3071)
    for number in range(count):
        length = image.array.shape[2] if number == 0 else int(rng.integers(90, image.array.shape[2]))
        start = int(rng.integers(image.array.shape[2] - length + 1))
        part = (..., slice(start, start + length))
        size = 1.0 if number == 0 else rng.uniform(0.9, 1.1)
        noise = rng.normal(0, 0.1 if number == 0 else 10, hounsfield[part].shape).astype(np.float32)
        noisy = np.rint(hounsfield[part] + noise).astype(np.int16)
        yield Case(noisy, label.array[part].astype(np.uint8), image.affine @ np.diag([size, size, size, 1.0]))


def as_mr(case: Case, rng: np.random.Generator) -> Case:
    """Return a case with an intensity for each class and tissue, a smooth field over it, and noise of a magnitude."""
    hounsfield = case.image.astype(np.float32)
    signal = np.where(hounsfield > -300, 300 + 0.5 * np.abs(hounsfield), 5).astype(np.float32)
    for label in FLARE23.foreground:
        signal[case.label == label] = rng.uniform(150, 900)
    field = ndimage.zoom(rng.uniform(0.7, 1.3, (3, 3, 3)), np.array(case.image.shape) / 3, order=1)
    gain = rng.uniform(0.5, 2.0)
    parts = [signal * field * gain, np.zeros_like(signal)]
    noisy = np.hypot(*(part + rng.normal(0, 12, signal.shape) for part in parts))
    return Case(np.rint(noisy).astype(np.int16), case.label, case.affine)


def write_collection(folder: Path, number: int, cases: Iterator[Case], modality: str) -> Path:
    """Write a collection as a data set of nnU-Net, and a data list of the same files; return the list."""
    root = folder / "raw" / f"Dataset{number:03d}_Plan"
    entries = []
    for index, case in enumerate(cases):
        entry = {"case": f"case{index}", "image": f"imagesTr/case{index}_0000.nii.gz"}
        entry["label"] = f"labelsTr/case{index}.nii.gz"
        write_nifti(root / entry["image"], case.image, case.affine)
        write_nifti(root / entry["label"], case.label, case.affine)
        entries.append(entry)
    content = {"channel_names": {"0": modality}, "numTraining": len(entries), "file_ending": ".nii.gz"}
    content["labels"] = {name: label for label, name in enumerate(FLARE23.names)}
    (root / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    write_data_list(root / "datalist.json", {"training": entries})
    return root / "datalist.json"


def ours(data_list: Path, gpus_gb: list[float]) -> dict[str, Any]:
    """Return facts of the fingerprint, and the plan for each GPU."""
    found: dict[str, Any] = {}
    for gpu_gb in gpus_gb:
        machine = Machine(MEMORY_MB, CORES, gpu_gb)
        made = plan(read_fingerprint(data_list, FLARE23, machine=machine, progress=False))
        found |= {"fingerprint": made.fingerprint.facts(), f"{gpu_gb:g} GiB": made.values}
    return found


def set_folders_of_nnunet(folder: Path) -> None:
    """Name the folders of nnU-Net, which it reads from the environment when it is imported."""
    for name in ("raw", "preprocessed", "results"):
        os.environ[f"nnUNet_{name}"] = str(folder / name)
        (folder / name).mkdir()


def theirs(number: int, gpus_gb: list[float]) -> dict[str, Any]:
    """Return the plans of nnU-Net's planners for each GPU."""
    from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
    from nnunetv2.experiment_planning.experiment_planners.residual_unets.residual_encoder_unet_planners import (
        ResEncUNetPlanner,
    )
    from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprint_dataset

    with contextlib.redirect_stdout(io.StringIO()):
        extract_fingerprint_dataset(number, num_processes=1, verbose=False, show_progress_bar=False)
    found: dict[str, Any] = {}
    for name, planner in (("default", ExperimentPlanner), ("ResEnc", ResEncUNetPlanner)):
        for gpu_gb in gpus_gb:
            with contextlib.redirect_stdout(io.StringIO()):
                plans = planner(
                    number, gpu_memory_target_in_gb=gpu_gb, plans_name=f"{name}{gpu_gb:g}"
                ).plan_experiment()
            found[f"{name}, {gpu_gb:g} GiB"] = told(plans)
    return found


def told(plans: dict[str, Any]) -> dict[str, Any]:
    """Return the comparable settings of a plan of nnU-Net, axes as right, anterior, superior."""
    full = plans["configurations"]["3d_fullres"]
    order = plans["transpose_backward"]
    lists = {key: [full[key][axis] for axis in order][::-1] for key in ("spacing", "patch_size")}
    values = plans["foreground_intensity_properties_per_channel"]["0"]
    low_resolution = plans["configurations"].get("3d_lowres")
    return {
        "pixdim": [round(float(size), 3) for size in lists["spacing"]],
        "patch": [int(side) for side in lists["patch_size"]],
        "patches_in_a_step": full["batch_size"],
        "normalization": full["normalization_schemes"][0],
        "clipped": [round(float(values[key])) for key in ("percentile_00_5", "percentile_99_5")],
        "low_resolution": low_resolution and [round(float(low_resolution["spacing"][axis]), 2) for axis in order][::-1],
    }


def table(found: dict[str, Any]) -> str:
    """Return the table of the page in Markdown."""
    lines = ["| collection | planner | voxel (mm) | window (voxels) | patches in a step | intensities |"]
    lines.append("| --- | --- | --- | --- | ---: | --- |")
    for name, plans in found.items():
        for gpu, values in plans["swinx"].items():
            if gpu == "fingerprint":
                continue
            patches = values["scans_per_batch"] * (values["positive_patches"] + values["negative_patches"])
            window = values.get("window_hu")
            scaled = f"{window[0]} to {window[1]} HU to 0..1" if window else values["intensity"]
            row = [name, f"swinx, {gpu}", by(values["pixdim"]), by(values["roi_size"]), str(patches), scaled]
            lines.append(f"| {' | '.join(row)} |")
        for planner, values in plans["nnU-Net"].items():
            clipped = f"{values['clipped'][0]} to {values['clipped'][1]}, " if "CT" in values["normalization"] else ""
            row = [name, f"nnU-Net {planner}", by(values["pixdim"]), by(values["patch"])]
            row += [str(values["patches_in_a_step"]), f"{clipped}z-score"]
            lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def by(numbers: list[float]) -> str:
    """Return numbers as a person writes sizes."""
    return " x ".join(f"{round(number, 2):g}" for number in numbers)


if __name__ == "__main__":
    main()

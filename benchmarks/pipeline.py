"""A whole case by each profile of the bundle, against the same weights in MONAI's reference pipeline.

    .venv/bin/python benchmarks/pipeline.py --pixdim 2 --repeats 1

segments the real CT of the demo with the full-size network: by ``benchmarks/reference_pipeline.py``, and by the
bundle's own command with each overlay. Seconds by stage, peaks of memory, ratios and how far the labels agree go into
``benchmarks/results/pipeline_<machine>.json``. ``--checkpoint`` takes trained weights, with the ``--settings`` they
need; without, they are as before training: time and memory do not depend on them, agreement does. ``--slices 55 100
150 215 334 448 499 554`` takes phantoms of the paper's sizes in place of the CT.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import nibabel as nib
import numpy as np
import torch
from bundle_trial import ROOT, run_bundle, write_record
from numpy.typing import NDArray

from swinx.cohorts import fetch_demo_ct, make_phantom
from swinx.networks import SwinXSeg, save_weights
from swinx.nifti import write_nifti

CONFIGS = "bundles/swinx_seg/configs"
WAYS = {
    "reference": None,
    "standard": [],
    "fast": ["fast"],
    "lowmem": ["lowmem"],
}
SPACING_MM = (0.75, 0.75, 2.5)


def main() -> None:
    """Measure and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    options.add_argument("--slices", type=int, nargs="+", default=[], help="phantoms of 512 x 512 x these")
    options.add_argument("--checkpoint", type=lambda word: Path(word).absolute())
    options.add_argument("--settings", type=json.loads, default={}, help="JSON, such as those beside the weights")
    options.add_argument("--pixdim", type=float, default=1.0, help="mm, along all axes")
    options.add_argument("--repeats", type=int, default=1)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--cache", type=lambda word: Path(word).absolute(), default=ROOT / "work" / "demo" / "cache")
    options.add_argument("--name", default="pipeline")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    given = options.parse_args()
    settings = given.settings | {"pixdim": [given.pixdim] * 3}
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = given.checkpoint or untrained(Path(folder) / "model.pt", given.seed)
        scans = make_scans(Path(folder), given.slices, given.seed, given.cache)
        facts = {"trained": given.checkpoint is not None, "settings": settings}
        facts |= {"repeats": given.repeats, "seed": given.seed}
        cases: dict[str, Any] = {}
        for scan in scans:
            out = Path(folder) / f"out_{scan.name}"
            cases[scan.name] = measure(scan, out, given.ways, checkpoint, settings, given.repeats)
            write_record(given.out, given.name, {**facts, "cases": cases})
    print(json.dumps(cases, indent=1))


def untrained(path: Path, seed: int) -> Path:
    """Write weights of the full-size network as they are before training."""
    torch.manual_seed(seed)
    save_weights(SwinXSeg(), path)
    return path


def make_scans(folder: Path, slices: list[int], seed: int, cache: Path) -> list[Path]:
    """Return the real CT, or phantoms."""
    if not slices:
        return [fetch_demo_ct(cache)[0]]
    paths = []
    for count in slices:
        phantom = make_phantom(np.random.default_rng(seed), (512, 512, count), SPACING_MM)
        paths.append(folder / "scans" / f"slices_{count:03d}.nii.gz")
        write_nifti(paths[-1], phantom.image, phantom.affine)
    return paths


def measure(
    scan: Path, out: Path, ways: list[str], checkpoint: Path, settings: dict[str, Any], repeats: int
) -> dict[str, Any]:
    """Segment a scan by all ways in turns; return medians and agreement with the first of them."""
    taken: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way in ways:
            run = run_reference if WAYS[way] is None else run_ours
            taken[way].append(run(way, scan, out / way, checkpoint, settings))
    first = labels_in(out / ways[0])
    found = {}
    for way, records in taken.items():
        one = records[0]
        stages = {stage: median(record["seconds"][stage] for record in records) for stage in one["seconds"]}
        memory = {
            kind: max(record["peak_memory"][kind] for record in records)
            for kind, value in one["peak_memory"].items()
            if value is not None
        }
        found[way] = {"seconds": stages, "peak_memory": memory, "network_shape": one["network_shape"]}
        found[way] |= {"windows": one["windows"]} if "windows" in one else {}
        if way != ways[0]:
            found[way] |= compare(first, labels_in(out / way))
            found[way]["times_faster"] = round(found[ways[0]]["seconds"]["total"] / stages["total"], 2)
            found[way]["share_of_rss"] = round(memory["rss_mb"] / found[ways[0]]["peak_memory"]["rss_mb"], 3)
    return found


def run_reference(_: str, scan: Path, out: Path, checkpoint: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Segment by MONAI's reference pipeline."""
    program = ROOT / "benchmarks" / "reference_pipeline.py"
    words = [str(scan), str(out), "--checkpoint", str(checkpoint), "--settings", json.dumps(settings)]
    done = subprocess.run([sys.executable, program, *words], stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def run_ours(way: str, scan: Path, out: Path, checkpoint: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Segment by the bundle's command."""
    files = [f"{CONFIGS}/{name}.json" for name in ("inference", *(WAYS[way] or ()))]
    places = {"dataset_dir": scan, "output_dir": out, "checkpoint": checkpoint}
    os.environ["SWINX_CACHE"] = "off"  # what an earlier run compiled would be read
    run_bundle("inference", files, places | settings)
    summary = json.loads((out / "cases.json").read_text(encoding="utf-8"))
    (record,) = summary["done"]
    record["seconds"]["prepare"] = summary["seconds_to_prepare"]  # compiling, once for all cases, counts for this one
    record["seconds"]["total"] += summary["seconds_to_prepare"]
    return dict(record)


def labels_in(folder: Path) -> NDArray[np.uint8]:
    """Return the labels that a way wrote."""
    (path,) = folder.glob("*.nii.gz")
    return np.asanyarray(nib.load(path).dataobj)  # type: ignore[attr-defined]


def compare(reference: NDArray[np.uint8], other: NDArray[np.uint8]) -> dict[str, Any]:
    """Return the share of voxels of one label, of all and of those that either calls an organ, and mean Dice."""
    same, organ = reference == other, (reference > 0) | (other > 0)
    classes = [c for c in np.unique(reference).tolist() if c]
    dice = [_dice(reference, other, label) for label in classes]
    return {
        "same_labels": float(same.mean()),
        "same_labels_of_organs": float(same[organ].mean()) if organ.any() else None,
        "mean_dice": float(np.mean(dice)) if dice else None,
    }


def _dice(one: NDArray[np.uint8], other: NDArray[np.uint8], label: int) -> float:
    a, b = one == label, other == label
    return float(2 * np.sum(a & b) / (a.sum() + b.sum()))


if __name__ == "__main__":
    main()

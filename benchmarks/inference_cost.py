"""Time and memory of inference at full size, case by case, through the bundle's own command.

    .venv/bin/python benchmarks/inference_cost.py --slices 55 100 150 215 334 448 499 554

makes phantom scans of 512 x 512 voxels with the slice counts of the paper's table, segments them with the
full-size network (random weights: cost does not depend on them) and writes
``benchmarks/results/inference_cost_<machine>.json``. Meant for a machine with a GPU; on a CPU one window of
the full-size network takes seconds, and ``--small`` measures the demo network at 4 mm instead.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from bundle_trial import ROOT, run_bundle, write_record

from swinx.data import make_phantom
from swinx.networks import SwinXSeg, save_weights
from swinx.nifti import write_nifti

CONFIGS = "bundles/swinx_seg/configs"
SPACING_MM = (0.75, 0.75, 2.5)


def main() -> None:
    """Measure and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--slices", type=int, nargs="+", default=[55, 100, 150, 215, 334, 448, 499, 554])
    options.add_argument("--small", action="store_true", help="the demo network at 4 mm, not the full one at 1 mm")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        records = measure(Path(folder), given.slices, given.small, given.seed)
    name = "inference_cost_small" if given.small else "inference_cost"
    write_record(given.out, name, {"seed": given.seed, "cases": records})
    for record in records:
        memory = record["peak_memory"]
        print(record["shape"], record["seconds"], {k: v for k, v in memory.items() if v is not None})


def measure(folder: Path, slices: list[int], small: bool, seed: int) -> list[dict[str, object]]:
    """Segment one scan per slice count, by one run of the bundle; return its case records."""
    for count in slices:
        phantom = make_phantom(np.random.default_rng(seed), (512, 512, count), SPACING_MM)
        write_nifti(folder / "scans" / f"slices_{count:03d}_0000.nii.gz", phantom.image, phantom.affine)
    torch.manual_seed(seed)
    network = SwinXSeg(embed_dim=16, num_heads=(1, 2, 4, 8), decoder_channels=16) if small else SwinXSeg()
    save_weights(network, folder / "model.pt")
    files = [f"{CONFIGS}/inference.json"] + ([f"{CONFIGS}/demo.json"] if small else [])
    knobs = {"dataset_dir": folder / "scans", "output_dir": folder / "out", "checkpoint": folder / "model.pt"}
    run_bundle("inference", files, knobs)
    return json.loads((folder / "out" / "cases.json").read_text(encoding="utf-8"))["done"]


if __name__ == "__main__":
    main()

"""Processor time of a generated patch, and of the sources that patches are made from.

    python benchmarks/patch_cost.py --cache work/demo/cache

Makes patches by the transforms of ``docs/generator.md`` on one thread, and writes
``benchmarks/results/patch_cost_<machine>.json``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from bundle_trial import RESULTS, write_record
from monai.transforms import Compose

from swinx.cohorts import RandAcquisitiond, RandContrastd, RandLumend, RandPatchd, StructuresToLabeld, load_sources


def main() -> None:
    """Measure and write the result."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cache", default="work/demo/cache")
    options.add_argument("--patches", type=int, default=24)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", type=Path, default=RESULTS)
    given = options.parse_args()
    torch.set_num_threads(1)
    started = time.process_time()
    sources = load_sources(given.cache)
    loaded = time.process_time()
    steps = [RandPatchd(sources), RandContrastd(), RandLumend(), RandAcquisitiond(), StructuresToLabeld()]
    make = Compose(steps).set_random_state(given.seed)
    for _ in range(given.patches):
        make({})
    measured = {
        "seed": given.seed,
        "patches": given.patches,
        "cpu_seconds_of_the_sources": round(loaded - started, 2),
        "cpu_seconds_a_patch": round((time.process_time() - loaded) / given.patches, 3),
    }
    write_record(given.out, "patch_cost", measured)
    print(measured)


if __name__ == "__main__":
    main()

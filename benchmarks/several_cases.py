"""Several cases in one run: what it saves to load and prepare the next scan while windows of this one are computed.

    .venv/bin/python benchmarks/several_cases.py

segments copies of the real CT of the demo by the bundle's own command and ``fast.json``, without and with a worker that
loads ahead, in turns, and writes seconds of the whole command, and the peak of memory of its own process and of the
worker together, to ``benchmarks/results/several_cases_<machine>.json``. Weights are as before training.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import torch
from bundle_trial import ROOT, run_bundle, write_record

from swinx.cohorts import fetch_demo_ct
from swinx.networks import SwinXSeg, save_weights

FILES = [f"bundles/swinx_seg/configs/{name}.json" for name in ("inference", "fast")]


def main() -> None:
    """Measure and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=4)
    options.add_argument("--workers", type=int, nargs="+", default=[0, 1])
    options.add_argument("--pixdim", type=float, default=2.0, help="mm, along all axes")
    options.add_argument("--repeats", type=int, default=2)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--cache", type=lambda word: Path(word).absolute(), default=ROOT / "work" / "demo" / "cache")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    given = options.parse_args()
    taken: dict[int, list[dict[str, float]]] = {workers: [] for workers in given.workers}
    with tempfile.TemporaryDirectory() as folder:
        scans, image = Path(folder) / "scans", fetch_demo_ct(given.cache)[0]
        scans.mkdir()
        for number in range(given.cases):
            (scans / f"case{number}.nii.gz").symlink_to(image.resolve())
        torch.manual_seed(given.seed)
        save_weights(SwinXSeg(), Path(folder) / "model.pt")
        settings = {"checkpoint": Path(folder) / "model.pt", "pixdim": [given.pixdim] * 3, "progress": False}
        for _ in range(given.repeats):
            for workers in given.workers:
                out = Path(folder) / f"out{workers}"
                taken[workers].append(run(scans, out, {**settings, "num_workers": workers}))
    found = {
        f"{workers} workers": {key: median(one[key] for one in records) for key in records[0]}
        for workers, records in taken.items()
    }
    settings = {name: getattr(given, name) for name in ("cases", "pixdim", "repeats", "seed")}
    write_record(given.out, "several_cases", {**settings, "runs": found})
    print(json.dumps(found, indent=1))


def run(scans: Path, out: Path, settings: dict[str, Any]) -> dict[str, float]:
    """Segment all scans; return seconds of the command and of what each case did, and the peak of memory in MiB."""
    done, peak = threading.Event(), [0.0]
    watch = threading.Thread(target=watch_children, args=(done, peak))
    watch.start()
    started = time.perf_counter()
    try:
        run_bundle("inference", FILES, {"dataset_dir": scans, "output_dir": out, **settings})
    finally:
        done.set()
        watch.join()
    elapsed = time.perf_counter() - started
    cases = json.loads((out / "cases.json").read_text(encoding="utf-8"))["done"]
    stages = {stage: sum(case["seconds"][stage] for case in cases) for stage in cases[0]["seconds"]}
    return {"command": round(elapsed, 2), "peak_rss_mb": round(peak[0], 1), **stages}


def watch_children(done: threading.Event, peak: list[float]) -> None:
    """Keep the most resident memory, in MiB, that the processes begun by this one have together."""
    me = psutil.Process()
    while not done.wait(0.1):
        total = 0
        for child in me.children(recursive=True):
            try:
                total += child.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        peak[0] = max(peak[0], total / 2**20)


if __name__ == "__main__":
    main()

"""How time and memory of the windows grow with slices and with classes, against MONAI's sliding window.

    .venv/bin/python benchmarks/scaling.py

runs volumes of 256 x 256 voxels through windows of 96 x 96 x 96 and a network that is one convolution, so that what is
measured is laying, blending and labelling windows, and not a network; each in a process of its own, whose peak of
resident memory counts. Writes ``benchmarks/results/scaling_<machine>.json`` and ``docs/images/scaling.png``.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from bundle_trial import ROOT, write_record
from matplotlib.figure import Figure
from monai.inferers import SlidingWindowInferer
from torch import nn

from swinx.inferers import SlidingWindowLabelInferer

ROI = (96, 96, 96)
WAYS = {"MONAI": None, "no margin": 0.0, "margin 0.125": 0.125, "margin 0.25": 0.25}
CLASSES, SLICES = 15, 200


def main() -> None:
    """Measure, write and draw the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--slices", type=int, nargs="+", default=[100, 200, 400, 600])
    options.add_argument("--classes", type=int, nargs="+", default=[2, 15, 30, 60])
    options.add_argument("--one", nargs=3, metavar=("WAY", "SLICES", "CLASSES"), help="measure this alone")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    options.add_argument("--picture", type=Path, default=ROOT / "docs" / "images" / "scaling.png")
    given = options.parse_args()
    if given.one:
        way, slices, classes = given.one
        print(json.dumps(measure(way, int(slices), int(classes))))
        return
    rows = [
        {"way": way, "slices": slices, "classes": classes, **in_a_process(way, slices, classes)}
        for slices, classes in [(s, CLASSES) for s in given.slices] + [(SLICES, c) for c in given.classes]
        for way in WAYS
    ]
    write_record(given.out, "scaling", {"runs": rows})
    draw(rows, given.picture)


def in_a_process(way: str, slices: int, classes: int) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--one", way, str(slices), str(classes)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    print(way, slices, classes, found)
    return found


@torch.no_grad()
def measure(way: str, slices: int, classes: int) -> dict[str, float]:
    """Return seconds of processor, and MiB above what the volume and the packages take."""
    torch.manual_seed(0)
    network = nn.Conv3d(1, classes, 1)
    image = torch.rand(1, 1, 256, 256, slices)
    network(image[..., :8, :8, :8])
    margin = WAYS[way]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    if margin is None:
        SlidingWindowInferer(ROI, overlap=0.5, mode="gaussian")(image, network).argmax(dim=1)
    else:
        SlidingWindowLabelInferer(ROI, overlap=0.5, margin=margin)(image, network)
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"cpu_seconds": round(seconds, 2), "peak_mb": round((peak - before) / 1024, 1)}


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw time and memory against slices, and memory against classes."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    panels = figure.subplots(1, 3)
    for axes, x, y, fixed in zip(
        panels,
        ("slices", "slices", "classes"),
        ("cpu_seconds", "peak_mb", "peak_mb"),
        ({"classes": CLASSES}, {"classes": CLASSES}, {"slices": SLICES}),
        strict=True,
    ):
        ((name, value),) = fixed.items()
        for way, marker in zip(WAYS, "osd^", strict=True):
            points = sorted({(r[x], r[y]) for r in rows if r["way"] == way and r[name] == value})
            axes.plot(*zip(*points, strict=True), marker=marker, label=way)
        unit = "seconds of processor" if y == "cpu_seconds" else "peak of memory, MiB"
        axes.set(xlabel=f"{x} ({value} {name})", ylabel=unit, ylim=(0, None))
        axes.grid(alpha=0.3)
    panels[0].legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()

"""How time and memory of the windows grow with slices and with classes, against MONAI's sliding window.

    .venv/bin/python benchmarks/scaling.py

runs volumes of 256 x 256 voxels through windows of 96 x 96 x 96 and a network that is one convolution, so that what is
measured is laying, blending and labelling windows, and not a network; and smaller volumes through a ``SwinXSeg`` with a
narrow encoder, in PyTorch, for the memory of all together. Each is in a process of its own, whose peak of resident
memory counts. Writes ``benchmarks/results/scaling_<machine>.json`` and ``docs/images/scaling.png``.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from bundle_trial import RESULTS, picture_path, write_record
from matplotlib.figure import Figure
from monai.inferers import SlidingWindowInferer
from torch import nn

from swinx.inference import SlidingWindowLabelInferer, TorchBackend, WindowSettings
from swinx.networks import SwinXSeg

ROI = (96, 96, 96)
WAYS = {"MONAI": None, "no margin": 0.0, "margin 0.125": 0.125, "margin 0.25": 0.25}
CLASSES, SLICES = 15, 200
VOLUMES = {"convolution": (256, 256), "SwinXSeg": (144, 144)}


def main() -> None:
    """Measure, write and draw the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--slices", type=int, nargs="+", default=[100, 200, 400, 600])
    options.add_argument("--classes", type=int, nargs="+", default=[2, 15, 30, 60, 120])
    options.add_argument("--network", choices=list(VOLUMES), default="convolution", help="of --one")
    options.add_argument("--one", nargs=3, metavar=("WAY", "SLICES", "CLASSES"), help="measure this alone")
    options.add_argument("--out", type=Path, default=RESULTS)
    options.add_argument("--picture", type=Path, help="by default in docs/images, or beside a record that --out moves")
    given = options.parse_args()
    if given.one:
        way, slices, classes = given.one
        print(json.dumps(measure(given.network, way, int(slices), int(classes))))
        return
    sizes = [("convolution", slices, CLASSES) for slices in given.slices]
    sizes += [(network, SLICES, classes) for network in VOLUMES for classes in given.classes]
    rows = []
    for network, slices, classes in sizes:
        rows += [in_a_process(network, way, slices, classes) for way in WAYS]
        write_record(given.out, "scaling", {"runs": rows})
    draw(rows, given.picture or picture_path(given.out, "scaling"))


def in_a_process(network: str, way: str, slices: int, classes: int) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--network", network, "--one", way, str(slices), str(classes)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    row = {"network": network, "way": way, "slices": slices, "classes": classes, **found}
    print(row, flush=True)
    return row


def make_network(name: str, classes: int) -> nn.Module:
    """Return a convolution, or a network as wide at full resolution as it is by default."""
    if name == "convolution":
        return nn.Conv3d(1, classes, 1)
    return SwinXSeg(out_channels=classes, embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=(48, 12, 12, 12, 12))


@torch.no_grad()
def measure(name: str, way: str, slices: int, classes: int) -> dict[str, float]:
    """Return seconds of processor, and MiB above what the volume and the packages take."""
    torch.manual_seed(0)
    network = make_network(name, classes).eval()
    image = torch.rand(1, 1, *VOLUMES[name], slices)
    network(image[..., :32, :32, :32])
    margin, backend = WAYS[way], TorchBackend() if name == "SwinXSeg" else None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    if margin is None:
        SlidingWindowInferer(ROI, overlap=0.5, mode="gaussian")(image, network).argmax(dim=1)
    else:
        SlidingWindowLabelInferer(WindowSettings(ROI, margin=margin), backend)(image, network)
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"cpu_seconds": round(seconds, 2), "peak_mb": round((peak - before) / 1024, 1)}


PANELS = (
    ("time", "convolution", "slices", "cpu_seconds"),
    ("memory", "convolution", "slices", "peak_mb"),
    ("memory", "convolution", "classes", "peak_mb"),
    ("memory", "SwinXSeg", "classes", "peak_mb"),
)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw time and memory against slices, and memory against classes."""
    figure = Figure(figsize=(10, 7), layout="constrained")
    for axes, (what, network, x, y) in zip(figure.subplots(2, 2).flat, PANELS, strict=True):
        name, value = ("classes", CLASSES) if x == "slices" else ("slices", SLICES)
        for way, marker in zip(WAYS, "osd^", strict=True):
            points: dict[int, list[float]] = {}  # one size is in both series
            for r in rows:
                if (r["network"], r["way"], r[name]) == (network, way, value):
                    points.setdefault(r[x], []).append(r[y])
            axes.plot(sorted(points), [median(points[at]) for at in sorted(points)], marker=marker, label=way)
        unit = "seconds of processor" if y == "cpu_seconds" else "peak of memory, MiB"
        title = f"{what}, {'one convolution' if network == 'convolution' else network}"
        axes.set(xlabel=f"{x} ({value} {name})", ylabel=unit, ylim=(0, None), title=title)
        axes.grid(alpha=0.3)
        axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()

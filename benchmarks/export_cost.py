"""What the formats of ``swinx export`` differ from PyTorch by, and what one window costs in each.

    .venv/bin/python benchmarks/export_cost.py --threads 1

exports the full-size network for windows of 96 x 96 x 96 voxels, checks every file as the command does, then runs
all of them in turns on one phantom window and writes ``benchmarks/results/export_cost_<machine>.json``. The weights
are as before training, with batch norms that have seen phantoms: cost does not depend on weights, and scores have a
size that differences can be compared with. CPU only.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import torch
from bundle_trial import ROOT, write_record
from torch import Tensor, nn

from swinx.export import FORMATS, export_network, probe_windows
from swinx.networks import SwinXSeg


def main() -> None:
    """Measure and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--formats", nargs="+", default=["torchscript", "torch_export", "onnx", "openvino"])
    options.add_argument("--side", type=int, default=96)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--small", action="store_true", help="a tiny network, to try this program")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    network, window = make_network(given.seed, given.side, given.small), (1, given.side, given.side, given.side)
    with tempfile.TemporaryDirectory() as folder:
        exported = {name: export(network, window, name, Path(folder)) for name in given.formats}
        runs = {"eager": network, **{name: FORMATS[name].load(file_of(name, Path(folder))) for name in given.formats}}
        costs = time_in_turns(runs, probe_windows(window, given.seed + 1)[1], given.rounds)
    settings = {name: getattr(given, name) for name in ("side", "rounds", "threads", "seed", "small")}
    packages = sorted({package for name in given.formats for package in FORMATS[name].packages})
    found = {"packages": {name: version(name) for name in packages}, "files": exported, "window": costs}
    write_record(given.out, "export_cost" + "_small" * given.small, settings | found)
    for name, cost in costs.items():
        print(name, exported.get(name, ""), cost)


def make_network(seed: int, side: int, small: bool) -> SwinXSeg:
    """Return a network before training whose batch norms know the statistics of two phantoms."""
    torch.manual_seed(seed)
    sizes: dict[str, Any] = {"embed_dim": 12, "num_heads": (1, 2, 4, 8), "decoder_channels": 4} if small else {}
    network = SwinXSeg(**sizes).train().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.momentum = None  # the mean over all batches
    for other in (2, 3):
        network(probe_windows((1, side, side, side), seed + other)[1])
    return network.eval()


def export(network: SwinXSeg, window: tuple[int, ...], name: str, folder: Path) -> dict[str, float]:
    """Export, check, and return what came out of it."""
    start = time.perf_counter()
    agreement = export_network(network, window, name, file_of(name, folder))
    parts = folder.glob(f"model_{name}.*")
    size = sum(part.stat().st_size for part in parts if part.suffix != ".json")
    return {**vars(agreement), "megabytes": round(size / 1e6, 1), "seconds_to_export": time.perf_counter() - start}


def file_of(name: str, folder: Path) -> Path:
    """Where the file of a format lies."""
    return folder / f"model_{name}{FORMATS[name].suffix}"


@torch.no_grad()
def time_in_turns(
    runs: dict[str, Callable[[Tensor], Tensor]], image: Tensor, rounds: int
) -> dict[str, dict[str, float]]:
    """Run each once to warm up and then all in turns; return medians, in seconds of clock and of processor."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            clock, processor = time.perf_counter(), time.process_time()
            run(image)
            if turn:
                taken[name].append((time.perf_counter() - clock, time.process_time() - processor))
    medians = {name: [median(column) for column in zip(*times, strict=True)] for name, times in taken.items()}
    return {
        name: {"seconds": clock, "cpu_seconds": processor, "cpu_of_eager": processor / medians["eager"][1]}
        for name, (clock, processor) in medians.items()
    }


if __name__ == "__main__":
    main()

"""Patches a second in training, and how much of the time goes by in waiting for data.

    .venv/bin/python benchmarks/training.py

trains by the bundles' own configurations on copies of the real CT of the demo, each run in a process of its own, in
turns, and stops after ``--steps`` steps: stage 3, stage 3 with MONAI's SwinUNETR of 48 features in place of its
network, and stage 1. The first two steps are not counted. Writes ``benchmarks/results/training_<machine>.json``.
``--settings`` takes settings for all runs as JSON,
such as ``{"cache_rate": 1.0, "num_workers": 8}``; ``--small`` the sizes
of the demo's network, at 4 mm.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from bundle_trial import ROOT, write_record
from ignite.engine import Engine, Events
from monai.bundle import ConfigParser

from swinx.cohorts import fetch_demo_ct
from swinx.resources import ResourceMonitor

SWIN_UNETR = {"_target_": "SwinUNETR", "in_channels": 1, "out_channels": 15, "feature_size": "@embed_dim"}
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "swinx_seg": ("swinx_seg", {}),
    "swinx_seg with SwinUNETR-48": ("swinx_seg", {"network_def": SWIN_UNETR}),
    "ssl_smit": ("ssl_smit", {}),
}
SMALL: dict[str, Any] = {
    "embed_dim": 12,
    "num_heads": [1, 2, 4, 8],
    "roi_size": [64, 64, 64],
    "pixdim": [4.0, 4.0, 4.0],
}
WARM_UP = 2
PATCHES = ("image", "view_1", "view_2")


def main() -> None:
    """Measure and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", nargs="+", default=list(RUNS), choices=list(RUNS))
    options.add_argument("--steps", type=int, default=8, help="that are counted")
    options.add_argument("--repeats", type=int, default=2)
    options.add_argument("--settings", type=json.loads, default={})
    options.add_argument("--small", action="store_true")
    options.add_argument("--cache", type=Path, default=ROOT / "work" / "demo" / "cache")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    options.add_argument("--one", nargs=2, metavar=("RUN", "DATA"), help="measure this alone")
    given = options.parse_args()
    settings = (SMALL if given.small else {}) | given.settings
    if given.one:
        name, data = given.one
        print(json.dumps(measure(name, Path(data), given.steps, settings)))
        return
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in given.runs}
    with tempfile.TemporaryDirectory() as folder:
        data = make_data(Path(folder), given.cache)
        for _ in range(given.repeats):
            for name in given.runs:
                taken[name].append(in_a_process(name, data, given.steps, settings))
    found = {
        name: {key: round(median(record[key] for record in records), 3) for key in records[0]}
        for name, records in taken.items()
    }
    write_record(given.out, "training_small" if given.small else "training", {"settings": settings, "runs": found})
    print(json.dumps(found, indent=1))


def make_data(folder: Path, cache: Path, cases: int = 60) -> Path:
    """Write a data list of the real CT under many names, for stage 3 and for stage 1."""
    image, label = fetch_demo_ct(cache)
    listed = []
    for number in range(cases):
        item = {"image": f"case{number}_0000.nii.gz", "label": f"case{number}.nii.gz"}
        (folder / item["image"]).symlink_to(image.resolve())
        (folder / item["label"]).symlink_to(label.resolve())
        listed.append({**item, "annotated": list(range(1, 14))})
    unlabelled = [{"image": item["image"]} for item in listed]
    content = {"training": listed[1:], "validation": listed[:1], "unlabeled": unlabelled}
    (folder / "datalist.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def in_a_process(name: str, data: Path, steps: int, settings: dict[str, Any]) -> dict[str, float]:
    """Measure in a process of its own."""
    words = ["--one", name, str(data), "--steps", str(steps), "--settings", json.dumps(settings)]
    done = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    print(name, found, flush=True)
    return found


def measure(name: str, data: Path, steps: int, settings: dict[str, Any]) -> dict[str, float]:
    """Train some steps; return medians of seconds, and what follows from them."""
    bundle, changes = RUNS[name]
    config = json.loads((ROOT / "bundles" / bundle / "configs" / "train.json").read_text(encoding="utf-8"))
    places = {"bundle_root": str(ROOT / "bundles" / bundle), "dataset_dir": str(data)}
    places |= {"datalist": str(data / "datalist.json"), "output_dir": str(data / "out")}
    places["checkpoint"] = str(data / "out" / "model.pt")
    fixed = {"mlflow": False, "progress": False, "resume": False, "max_epochs": 100}
    # Neither pictures, which need matplotlib, nor a validation is part of a step.
    fixed |= {name: value for name, value in (("picture_interval", 0), ("val_interval", 1000)) if name in config}
    known = {name: value for name, value in settings.items() if name in config}
    parser = ConfigParser(config)
    for key, value in (places | fixed | changes | known).items():
        parser[key] = value
    trainer = parser.get_parsed_content("train#trainer")
    device = torch.device(parser.get_parsed_content("device"))
    clock = StepClock(trainer, device, steps)
    monitor = ResourceMonitor(device)
    monitor.start()
    trainer.run()
    memory = monitor.stop()
    waiting, working = (median(seconds[WARM_UP:]) for seconds in (clock.waiting, clock.working))
    found = {
        "patches_in_a_step": float(clock.patches),
        "side_of_a_patch": float(clock.side),
        "seconds_working": working,
        "seconds_waiting": waiting,
        "share_waiting": sum(clock.waiting[WARM_UP:]) / sum(clock.waiting[WARM_UP:] + clock.working[WARM_UP:]),
        "patches_per_second": clock.patches * steps / sum(clock.waiting[WARM_UP:] + clock.working[WARM_UP:]),
    }
    return found | {kind: float(value) for kind, value in vars(memory).items() if value is not None}


class StepClock:
    """Seconds that each step of a trainer waits for its patches and works on them; stops it after some steps."""

    def __init__(self, trainer: Engine, device: torch.device, steps: int) -> None:
        self.device = device
        self.steps = steps
        self.waiting: list[float] = []
        self.working: list[float] = []
        self.patches = self.side = 0
        self.clock = time.perf_counter()
        trainer.add_event_handler(Events.GET_BATCH_STARTED, self.begin)
        trainer.add_event_handler(Events.GET_BATCH_COMPLETED, self.got)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self.done)

    def begin(self) -> None:
        """Start waiting."""
        self.clock = time.perf_counter()

    def got(self, trainer: Engine) -> None:
        """Take the time of waiting, and start working."""
        batch: dict[str, torch.Tensor] = trainer.state.batch  # type: ignore[assignment]
        parts = [part for key, part in batch.items() if key in PATCHES]
        self.patches, self.side = sum(map(len, parts)), parts[0].shape[-1]
        now = time.perf_counter()
        self.waiting.append(now - self.clock)
        self.clock = now

    def done(self, trainer: Engine) -> None:
        """Take the time of work; stop if these were enough."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.working.append(time.perf_counter() - self.clock)
        if len(self.working) == self.steps + WARM_UP:
            trainer.terminate()


if __name__ == "__main__":
    main()

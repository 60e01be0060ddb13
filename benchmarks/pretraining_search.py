"""Search of the settings of a short pretraining: rate, warm-up, size of a block, kind of reconstruction.

    .venv/bin/python benchmarks/pretraining_search.py             # a small network, for two CPU cores: half an hour
    .venv/bin/python benchmarks/pretraining_search.py --small     # two tiny runs, for the tests

trains the encoder of ``bundles/ssl_smit`` by ``train.json`` and ``short.json`` on phantoms without labels, once for
each row of settings and seed, and measures the error in the masked voxels of phantoms that no run saw, as a share of
the error of a constant. The masks of that measure are the same for all rows. Writes
``benchmarks/results/pretraining_search_<machine>.json`` after each run; a search that was cut off goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from bundle_trial import ROOT, write_record
from masked_error import masked_share_of_constant
from monai.bundle import ConfigWorkflow
from monai.transforms import Compose, LoadImaged
from monai.utils import set_determinism
from torch import Tensor

from swinx.cohorts import write_synthetic_cohort
from swinx.data import CTReader, load_data_list
from swinx.files import read_object, write_json
from swinx.preprocessing import CTPreprocessingd

FILES = [str(ROOT / f"bundles/ssl_smit/configs/{name}.json") for name in ("train", "short")]
COHORT: dict[str, Any] = {"labelled": 0, "unlabelled": 24, "validation": 6, "seed": 0, "shape": 64, "spacing_mm": 5.0}
SETTINGS: dict[str, Any] = {
    "embed_dim": 12,
    "num_heads": [1, 2, 4, 8],
    "out_dim": 64,
    "hidden_dim": 64,
    "bottleneck_dim": 16,
    "roi_size": [32, 32, 32],
    "region_size": [48, 48, 48],
    "pixdim": [5.0, 5.0, 5.0],
    "scans_per_batch": 2,
    "max_epochs": 10,
    "cache_rate": 1.0,
    "num_workers": 0,
    "picture_interval": 0,
    "save_interval": 1000,
    "channels_last": True,
    "mlflow": False,
    "progress": False,
    "resume": False,
}
ROWS: list[dict[str, Any]] = [
    *(
        {"reconstruction_head": head, "learning_rate": rate, "warmup_epochs": 1}
        for rate in (3e-3, 1e-3, 1e-2)
        for head in ("unet", "linear")
    ),
    {"reconstruction_head": "unet", "learning_rate": 3e-3, "warmup_epochs": 3},
    {"reconstruction_head": "unet", "learning_rate": 3e-3, "warmup_epochs": 1, "block_size": 16},
    {"reconstruction_head": "unet", "learning_rate": 3e-3, "warmup_epochs": 1, "block_size": 4},
    {
        "reconstruction_head": "unet",
        "learning_rate": 3e-3,
        "warmup_epochs": 1,
        "patch_weight": 0.1,
        "image_weight": 0.1,
    },
    {"reconstruction_head": "linear", "learning_rate": 3e-3, "warmup_epochs": 1, "block_size": 16},
    {"reconstruction_head": "unet", "learning_rate": 3e-2, "warmup_epochs": 1},
]
MEASURED_BLOCK = 8
SMALL_COHORT = COHORT | {"unlabelled": 2, "validation": 1, "shape": 32, "spacing_mm": 10.0}
SMALL = SETTINGS | {"embed_dim": 4, "num_heads": [1, 2, 2, 4], "max_epochs": 1, "scans_per_batch": 2}
SMALL |= {"pixdim": [10.0, 10.0, 10.0], "region_size": [32, 32, 32]}


def main() -> None:
    """Run what has not been run yet, and write the record."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--small", action="store_true", help="two tiny runs")
    options.add_argument("--seeds", type=int, nargs="+", default=[0])
    options.add_argument("--threads", type=int, help="of PyTorch; by default all cores")
    options.add_argument("--work", type=Path, default=ROOT / "work" / "pretraining_search")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    given = options.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    cohort, settings = (SMALL_COHORT, SMALL) if given.small else (COHORT, SETTINGS)
    rows = ROWS[:2] if given.small else ROWS
    data_list = write_synthetic_cohort(given.work / "cohort", **cohort)
    scans = read_scans(data_list, settings["pixdim"])
    results: list[dict[str, Any]] = []
    for seed in given.seeds:
        for row in rows:
            results.append(row | {"seed": seed} | run(given.work, data_list, settings | row | {"seed": seed}, scans))
            content = {"cohort": cohort, "settings": settings, "measured_block": MEASURED_BLOCK, "rows": results}
            write_record(given.out, f"pretraining_search{'_small' if given.small else ''}", content)
            print(json.dumps(results[-1]), flush=True)


def read_scans(data_list: Path, pixdim: list[float]) -> list[Tensor]:
    """Return the preprocessed scans of the section ``validation``."""
    steps = Compose(
        [
            LoadImaged("image", reader=CTReader(), ensure_channel_first=True),
            CTPreprocessingd("image", pixdim=pixdim, window_hu=(-250, 250)),
        ]
    )
    return [steps(item)["image"].as_tensor() for item in load_data_list(data_list, "validation")]


def run(work: Path, data_list: Path, settings: dict[str, Any], scans: list[Tensor]) -> dict[str, Any]:
    """Train by some settings and measure, unless that is done; return error share and seconds."""
    row = {name: value for name, value in settings.items() if SETTINGS.get(name) != value}
    name = "_".join(str(value) for value in row.values() if not isinstance(value, list))
    folder = work / name
    done = folder / "result.json"
    if done.is_file():
        found = read_object(done)
        if found["settings"] == settings:
            return {key: found[key] for key in ("masked_share", "first_epochs", "seconds")}
    set_determinism(settings["seed"])
    began = time.perf_counter()
    places = {"dataset_dir": str(data_list), "output_dir": str(folder), "checkpoint": str(folder / "model.pt")}
    workflow = ConfigWorkflow(FILES, workflow_type="train", **(settings | {"section": "unlabeled"} | places))
    workflow.initialize()
    workflow.run()
    seconds = round(time.perf_counter() - began, 1)
    student = workflow.parser.get_parsed_content("network_def").student
    share = masked_share_of_constant(
        student, None, scans, settings["roi_size"], settings["region_size"], MEASURED_BLOCK
    )
    history = (folder / "history.csv").read_text(encoding="utf-8").splitlines()
    column = history[0].split(",").index("train_loss")
    losses = [round(float(line.split(",")[column]), 4) for line in history[1:]]
    found = {"masked_share": round(share, 4), "first_epochs": losses[:4], "seconds": seconds}
    write_json(done, found | {"settings": settings})
    return found


if __name__ == "__main__":
    main()

"""A short pretraining on the synthetic cohort, and what it is worth: reconstruction, health, a probe, cost.

    .venv/bin/python benchmarks/pretraining_trial.py            # a small network, for two CPU cores: about half an hour
    .venv/bin/python benchmarks/pretraining_trial.py --full     # the paper's network and views, for a GPU

makes phantom scans, pretrains on those without labels by the bundle's own command, reconstructs the validation scans,
which it never saw, probes the frozen encoder against random ones, and writes
``benchmarks/results/pretraining_trial_<setting>_<n>_epochs_seed<n>_<machine>.json``. A run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bundle_trial import ROOT, run_bundle, write_record

from swinx.cohorts import write_synthetic_cohort

CONFIGS = "bundles/ssl_smit/configs"
COHORT = {"labelled": 14, "unlabelled": 48, "validation": 8, "seed": 0}
SMALL: dict[str, Any] = {
    "embed_dim": 12,
    "num_heads": [1, 2, 4, 8],
    "drop_path_rate": 0.0,
    "channels_last": True,
    "roi_size": [64, 64, 64],
    "pixdim": [2.5, 2.5, 2.5],
    "antialias": True,
    "out_dim": 512,
    "hidden_dim": 256,
    "bottleneck_dim": 64,
}
SMALL_TRAINING: dict[str, Any] = {
    "region_size": [80, 80, 80],
    "scans_per_batch": 2,
    "max_epochs": 30,
    "warmup_epochs": 3,
    "learning_rate": 1e-3,
    "teacher_momentum": 0.99,
    "temperature_ramp_epochs": 10,
    "patch_temperature_delay_epochs": 10,
    "cache_rate": 1.0,
    "num_workers": 0,
}
FULL_TRAINING: dict[str, Any] = {"max_epochs": 100, "warmup_epochs": 5, "cache_rate": 1.0, "num_workers": 4}


def main() -> None:
    """Run the trial and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--full", action="store_true", help="the paper's network and views, for a GPU")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--epochs", type=int, help="instead of the setting's own number")
    options.add_argument("--work", type=Path, default=ROOT / "work" / "pretraining_trial")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    given = options.parse_args()
    network = {} if given.full else SMALL
    training = (FULL_TRAINING if given.full else SMALL_TRAINING) | (
        {"max_epochs": given.epochs} if given.epochs else {}
    )
    work = given.work / f"{'full' if given.full else 'small'}_{training['max_epochs']}_{given.seed}"
    write_synthetic_cohort(given.work / "cohort", **COHORT)
    common = network | {"dataset_dir": given.work / "cohort", "checkpoint": work / "model.pt", "seed": given.seed}
    run_bundle("training", [f"{CONFIGS}/train.json"], common | training | {"output_dir": work / "pretrain"})
    run_bundle(
        "inference",
        [f"{CONFIGS}/inference.json"],
        common | {"section": "validation", "output_dir": work / "reconstructions"},
    )
    for probe in ("linear", "knn"):
        files = [f"{CONFIGS}/inference.json", f"{CONFIGS}/evaluate.json"]
        run_bundle("evaluate", files, common | {"probe": probe, "output_dir": work / f"probe_{probe}"})
    content = {
        "cohort": COHORT,
        "settings": network | training | {"seed": given.seed},
        **summary(work),
    }
    name = f"pretraining_trial_{'full' if given.full else 'small'}_{training['max_epochs']}_epochs_seed{given.seed}"
    write_record(given.out, name, content)
    print(json.dumps({key: content[key] for key in ("cost", "reconstruction", "health", "probe")}, indent=2))


def summary(work: Path) -> dict[str, Any]:
    """Gather what the runs left."""
    history = pd.read_csv(work / "pretrain" / "history.csv")
    steps = pd.read_csv(work / "pretrain" / "steps.csv")
    cases = json.loads((work / "reconstructions" / "cases.json").read_text(encoding="utf-8"))["done"]
    error = {name: float(np.mean([case["measures"][name] for case in cases])) for name in cases[0]["measures"]}
    first, last = history.iloc[0], history.iloc[-1]
    health = [name for name in history.columns if name not in ("epoch", "seconds", "learning_rate", "train_loss")]
    return {
        "cost": {
            "epochs": int(last["epoch"]),
            "steps": int(steps["iteration"].max()),
            "seconds_training": round(float(history["seconds"].sum()), 1),
            "median_seconds_per_epoch": float(history["seconds"].median()),
            "peak_gpu_mb": peak_gpu_mb(work),
        },
        "reconstruction": {"cases": len(cases), **{name: round(value, 4) for name, value in error.items()}},
        "health": {name: {"first": float(first[name]), "last": float(last[name])} for name in health},
        "history": {name: history[name].tolist() for name in history.columns},
        "probe": {
            probe: json.loads((work / f"probe_{probe}" / "probe.json").read_text(encoding="utf-8"))
            for probe in ("linear", "knn")
        },
    }


def peak_gpu_mb(work: Path) -> float | None:
    """Return the highest GPU memory of the training, if it was recorded."""
    history = pd.read_csv(work / "pretrain" / "history.csv")
    return float(history["peak_gpu_mb"].max()) if "peak_gpu_mb" in history else None


if __name__ == "__main__":
    main()

"""Pretrainings that learn and pretrainings made to collapse, and what the health measures say of each.

    .venv/bin/python benchmarks/collapse_trial.py      # six small runs, for two CPU cores: ten minutes

runs the pretraining bundle's own command on small phantoms, twice as it should be and four times broken on purpose,
with the collapse detector switched off, and writes ``benchmarks/results/collapse_trial_seed<n>_<machine>.json``: for
every quantity that the detector judges, its range over all epochs of the runs that learn, and over the last five
epochs of the broken ones. The detector's minima are chosen between the two.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd
from bundle_trial import ROOT, run_bundle, write_record

from swinx.cohorts import write_synthetic_cohort

COHORT: dict[str, Any] = {
    "labelled": 0,
    "unlabelled": 64,
    "validation": 0,
    "seed": 0,
    "shape": 64,
    "spacing_mm": 5.0,
}
SETTINGS: dict[str, Any] = {
    "embed_dim": 4,
    "num_heads": [1, 2, 2, 4],
    "drop_path_rate": 0.0,
    "roi_size": [32, 32, 32],
    "region_size": [40, 40, 40],
    "pixdim": [5.0, 5.0, 5.0],
    "out_dim": 64,
    "hidden_dim": 128,
    "bottleneck_dim": 32,
    "scans_per_batch": 8,
    "max_epochs": 16,
    "warmup_epochs": 1,
    "learning_rate": 3e-4,
    "teacher_momentum": 0.99,
    "final_teacher_temperature": 0.04,
    "cache_rate": 1.0,
    "num_workers": 0,
    "picture_interval": 0,
    "collapse_patience": 0,
    "resume": False,
    "progress": False,
}
LEARNING: dict[str, dict[str, Any]] = {
    "weights_of_the_paper": {},
    "weights_of_1": {"patch_weight": 1.0, "image_weight": 1.0},
}
BROKEN: dict[str, dict[str, Any]] = {
    "centres_rest": LEARNING["weights_of_1"] | {"centre_momentum": 1 - 1e-9},
    "teacher_temperature_1": LEARNING["weights_of_1"] | {"teacher_temperature": 1.0, "final_teacher_temperature": 1.0},
    "rate_3_times": LEARNING["weights_of_1"] | {"learning_rate": 1e-3},
    "rate_150_times": LEARNING["weights_of_1"] | {"learning_rate": 0.05, "max_gradient_norm": 1e9},
}
QUANTITIES = (
    "patch_entropy_of_mean",
    "image_entropy_of_mean",
    "patch_information",
    "image_information",
    "image_token_spread",
    "rankme",
    "rankme_centred",
    "train_loss",
)


def main() -> None:
    """Run the trial and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--work", type=Path, default=ROOT / "work" / "collapse_trial")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    given = options.parse_args()
    write_synthetic_cohort(given.work / "cohort", **COHORT)
    results: dict[str, Any] = {}
    for kind, runs in (("learning", LEARNING), ("broken", BROKEN)):
        for name, changes in runs.items():
            folder = given.work / f"{name}_{given.seed}"
            paths = {"dataset_dir": given.work / "cohort", "output_dir": folder, "checkpoint": folder / "model.pt"}
            run_bundle(
                "training", ["bundles/ssl_smit/configs/train.json"], SETTINGS | changes | paths | {"seed": given.seed}
            )
            history = pd.read_csv(folder / "history.csv")
            judged = history if kind == "learning" else history.tail(5)
            results[name] = {"kind": kind, "changes": changes, **ranges(judged)}
    settings = {"cohort": COHORT, "settings": SETTINGS | {"seed": given.seed}}
    write_record(given.out, f"collapse_trial_seed{given.seed}", settings | {"runs": results})
    print(json.dumps(results, indent=2))


def ranges(history: pd.DataFrame) -> dict[str, list[float]]:
    """Return lowest and highest value of each quantity."""
    return {name: [float(history[name].min()), float(history[name].max())] for name in QUANTITIES}


if __name__ == "__main__":
    main()

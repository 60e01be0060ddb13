"""Gain of a pretrained encoder with few labels, on phantoms: five arms, paired seeds, a verdict.

    .venv/bin/python benchmarks/pretraining_gain.py                 # 2 labels, 8 seeds: two hours of two idle CPU cores
    .venv/bin/python benchmarks/pretraining_gain.py --labels 4 16   # after it, with more labels
    .venv/bin/python benchmarks/pretraining_gain.py --gpu           # 4 seeds, 4 trainings side by side: 8 minutes
    .venv/bin/python benchmarks/pretraining_gain.py --small         # tiny networks that learn nothing, for the tests

pretrains two encoders on phantoms without labels (``train.json`` and ``short.json`` of ``bundles/ssl_smit``), lets each
pass a gate, and trains the segmentation with each seed, and with labelled cases of its own, in five arms:

    random              from random weights, by ``train.json``
    pretrained          from a pretrained encoder, by ``train.json`` and ``pretrained.json``
    frozen_random       a random encoder that is never trained
    frozen_pretrained   a pretrained encoder that is never trained
    oracle              as pretrained, from an encoder that was trained with 64 labelled cases: the room there is

The endpoint is the mean Dice of the organs over 20 test scans, in points, on the network's grid, without the adrenal
glands, which have fewer than 10 voxels there. The gate: the masked
error on scans that no pretraining saw is at most 0.8 of that of a constant, and a linear probe is better than that of
the best of five random encoders. An encoder that does not pass is not called pretrained, and nothing is trained from
it. No test scan is in a pretraining, which is checked by SHA-256. Verdicts: see ``gain_verdict.py``. What is done is
kept in ``--work``, and the same command goes on. Writes
``benchmarks/results/pretraining_gain_<n>_labels_<machine>.json``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bundle_trial import ROOT, run_bundle, write_record
from gain_cohort import Lists, write_lists
from gain_scores import encoder_of, gate, score, score_once
from gain_verdict import judge

from swinx.files import read_object, write_json

PRETRAINING = ["bundles/ssl_smit/configs/train.json", "bundles/ssl_smit/configs/short.json"]
TRAINING = ["bundles/swinx_seg/configs/train.json"]
FINE_TUNING = [*TRAINING, "bundles/swinx_seg/configs/pretrained.json"]
PROBE = ["bundles/ssl_smit/configs/inference.json", "bundles/ssl_smit/configs/evaluate.json"]
NEVER = 100_000
# Of the cross-entropy alone: the smaller a class, the higher, so that all are learned within the steps.
WEIGHTS = [0.05, 0.2, 0.6, 0.7, 0.9, 0.8, 0.8, 2.2, 2.4, 1.4, 1.2, 0.4, 0.8, 0.7, 1.0]
ARMS = ("random", "pretrained", "frozen_random", "frozen_pretrained", "oracle")
CLAIMS = {
    "pretrained over random": ("pretrained", "random"),
    "frozen pretrained over frozen random": ("frozen_pretrained", "frozen_random"),
    "oracle over random": ("oracle", "random"),
    "frozen pretrained over random": ("frozen_pretrained", "random"),
}


@dataclass(frozen=True)
class Size:
    """Everything that differs between the experiment and a trial of its program."""

    cohort: dict[str, Any]
    network: dict[str, Any]
    training: dict[str, Any]
    steps: int
    oracle_steps: int
    pretraining: dict[str, Any]
    masked_share: float = 0.8
    probe_must_win: bool = True


FULL = Size(
    cohort={"unlabelled": 200, "test": 20, "oracle": 64, "of_a_seed": 16, "shape": 64, "spacing_mm": 5.0, "seed": 1},
    network={
        "embed_dim": 12,
        "num_heads": [1, 2, 4, 8],
        "pixdim": [10.5, 10.5, 10.5],
        "antialias": True,
        "roi_size": [32, 32, 32],
        "channels_last": False,
        "amp": True,
        "cache_rate": 1.0,
        "num_workers": 0,
    },
    training={
        "decoder_channels": 12,
        "drop_path_rate": 0.0,
        "learning_rate": 0.01,
        "scans_per_batch": 2,
        "positive_patches": 2,
        "negative_patches": 0,
        "flip_prob": 0.0,
        "loss::cross_entropy_weight": WEIGHTS,
    },
    steps=150,
    oracle_steps=400,
    pretraining={
        "region_size": [32, 32, 32],
        "scans_per_batch": 2,
        "max_epochs": 10,
        "out_dim": 64,
        "hidden_dim": 64,
        "bottleneck_dim": 16,
        "reconstruction_head": "unet",
        "picture_interval": 0,
    },
)
SMALL = Size(
    cohort={"unlabelled": 2, "test": 2, "oracle": 2, "of_a_seed": 2, "shape": 32, "spacing_mm": 10.0, "seed": 0},
    network=FULL.network | {"embed_dim": 4, "num_heads": [1, 2, 2, 4], "pixdim": [10.0] * 3},
    training=FULL.training | {"decoder_channels": 4},
    steps=1,
    oracle_steps=1,
    pretraining=FULL.pretraining | {"region_size": [32, 32, 32], "max_epochs": 1, "warmup_epochs": 0},
    masked_share=100.0,
    probe_must_win=False,
)


def main() -> None:
    """Run what has not been run yet, judge it, and write a record for each number of labels."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--small", action="store_true", help="tiny networks that learn nothing")
    options.add_argument("--gpu", action="store_true", help="4 seeds, 4 trainings side by side")
    options.add_argument("--labels", type=int, nargs="+", default=[2], help="labelled cases of a training")
    options.add_argument("--seeds", type=int, nargs="+", help="by default 0 to 7")
    options.add_argument("--pretrainings", type=int, default=2, help="pretrainings; the seeds take turns among them")
    options.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    options.add_argument("--jobs", type=int, help="trainings side by side; by default 2, on a GPU 4")
    options.add_argument("--work", type=Path, default=ROOT / "work" / "pretraining_gain")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    given = options.parse_args()
    size = SMALL if given.small else FULL
    seeds = given.seeds or list(range(4 if given.gpu else 8))
    jobs = given.jobs or (4 if given.gpu else 2)
    work = given.work / ("small" if given.small else "full")
    lists = write_lists(work / "cohort", size.cohort, seeds, given.labels)
    need_pretrained = {"pretrained", "frozen_pretrained"} & set(given.arms)
    encoders, gates = [], []
    for number in range(given.pretrainings if need_pretrained else 0):
        gates.append(pretrain(work, lists, size, number))
        encoders.append(work / f"pretraining_{number}" / "model.pt")
    if refused := [number for number, found in enumerate(gates) if not found["passed"]]:
        write_record(given.out, "pretraining_gain_gate", {"gates": gates, "cohort": size.cohort})
        raise SystemExit(
            f"pretraining {refused[0]} does not pass the gate: {json.dumps(gates[refused[0]])}; it is not called "
            "pretrained, and nothing was trained from it"
        )
    oracle = train_oracle(work, lists, size) if "oracle" in given.arms else None
    threads = max(1, (os.cpu_count() or 1) // jobs)
    for labels in given.labels:
        with ThreadPoolExecutor(jobs) as pool:
            found = {
                (arm, seed): pool.submit(run_arm, work, lists, size, arm, seed, labels, encoders, oracle, threads)
                for seed in seeds
                for arm in given.arms
            }
            try:
                scores = {key: future.result() for key, future in found.items()}
            except BaseException:  # Ctrl-C, too: what has not begun does not begin
                pool.shutdown(cancel_futures=True)
                raise
        content = summary(scores, given.arms, seeds)
        setting = {"cohort": size.cohort, "network": size.network, "training": size.training, "seeds": seeds}
        setting |= {"pretraining": size.pretraining, "steps": size.steps, "oracle_steps": size.oracle_steps}
        setting |= {"labels": labels, "gates": gates}
        name = f"pretraining_gain{'_small' if given.small else ''}_{labels}_labels"
        write_record(given.out, name, setting | content)
        print(json.dumps({key: content[key] for key in ("means", "claims")}, indent=2))


def pretrain(work: Path, lists: Lists, size: Size, number: int) -> dict[str, Any]:
    """Pretrain one encoder, unless that is done; return what the gate found."""
    folder = work / f"pretraining_{number}"
    model, done = folder / "model.pt", folder / "gate.json"
    if done.is_file():
        return dict(read_object(done))
    places: dict[str, Any] = {
        "dataset_dir": lists.pretraining,
        "output_dir": folder,
        "checkpoint": model,
        "seed": number,
    }
    run_bundle("training", PRETRAINING, size.network | size.pretraining | places | {"section": "unlabeled"} | QUIET)
    network = {name: value for name, value in size.network.items() if name != "cache_rate"}
    where = {"dataset_dir": lists.probe.parent, "output_dir": folder / "probe", "checkpoint": model}
    run_bundle("evaluate", PROBE, network | where | {"random_seeds": 5} | QUIET)
    found = gate(
        model,
        folder / "probe" / "probe.json",
        lists,
        size.network | size.pretraining,
        size.masked_share,
        size.probe_must_win,
    )
    write_json(done, found)
    return found


def train_oracle(work: Path, lists: Lists, size: Size) -> Path:
    """Train a segmentation with many labelled cases, unless that is done; return its encoder."""
    folder = work / "oracle"
    encoder = folder / "encoder.pt"
    if not encoder.is_file():
        epochs = schedule(size.oracle_steps, size.cohort["oracle"], size.training)
        train(folder, TRAINING, lists.oracle, size.network | size.training | epochs | {"seed": 0}, None)
        encoder_of(folder / "model.pt", encoder)
    return encoder


def run_arm(
    work: Path,
    lists: Lists,
    size: Size,
    arm: str,
    seed: int,
    labels: int,
    encoders: list[Path],
    oracle: Path | None,
    threads: int,
) -> dict[str, float]:
    """Train one arm with one seed and score it, unless that is done; return the Dice by case in points."""
    folder = work / f"{labels}_labels" / f"{arm}_{seed}"
    changes: dict[str, Any] = {"seed": seed}
    files = TRAINING if arm in ("random", "frozen_random") else FINE_TUNING
    if arm.startswith("frozen"):
        changes["freeze_encoder_epochs"] = NEVER
    if arm in ("pretrained", "frozen_pretrained"):
        changes["pretrained"] = encoders[seed % len(encoders)]
    if arm == "oracle":
        changes["pretrained"] = oracle
    settings = size.network | size.training | schedule(size.steps, labels, size.training) | changes

    def make() -> dict[str, float]:
        train(folder, files, lists.training[labels, seed], settings, threads)
        return score(folder / "model.pt", lists.test, size.network | size.training, ("tumor", "adrenal"))

    key = json.dumps(settings, default=lambda path: f"{path.parent.name}/{path.name}")
    return score_once(folder, key, make)


QUIET = {"mlflow": False, "progress": False}


def schedule(steps: int, cases: int, training: dict[str, Any]) -> dict[str, int]:
    """Return the epochs of about so many steps over so many cases, a tenth of them the warm-up."""
    epochs = max(1, round(steps / math.ceil(cases / training["scans_per_batch"])))
    return {"max_epochs": epochs, "warmup_epochs": round(epochs / 10)}


def train(folder: Path, files: list[str], data_list: Path, settings: dict[str, Any], threads: int | None) -> None:
    """Train the segmentation on the section ``training`` of a list and keep its last weights."""
    places = {"datalist": data_list, "output_dir": folder, "checkpoint": folder / "model.pt"}
    last = {"val_interval": NEVER, "validate::dataset::data": "$[]"}
    run_bundle("training", files, settings | places | last | QUIET, threads)


def summary(scores: dict[tuple[str, int], dict[str, float]], arms: list[str], seeds: list[int]) -> dict[str, Any]:
    """Return the means of the arms, the claims, and the Dice of every case."""
    tables = {arm: np.array([list(scores[arm, seed].values()) for seed in seeds]) for arm in arms}
    differences = {
        name: tables[better] - tables[base] for name, (better, base) in CLAIMS.items() if {better, base} <= set(arms)
    }
    claims = {name: claim.as_json() for name, claim in judge(differences).items()}
    return {
        "endpoint": "mean Dice of the organs but the adrenal glands over the test scans, in points, on the "
        "network's grid",
        "means": {
            arm: {"mean": round(float(table.mean()), 2), "by_seed": [round(float(x), 2) for x in table.mean(axis=1)]}
            for arm, table in tables.items()
        },
        "claims": claims,
        "by_case": {f"{arm}, seed {seed}": scores[arm, seed] for arm in arms for seed in seeds},
    }


if __name__ == "__main__":
    main()

"""Whether pretraining and refinement help: five ways to train on partial labels, on the synthetic cohort.

    .venv/bin/python benchmarks/ablation.py             # small networks, for two CPU cores: under two hours
    .venv/bin/python benchmarks/ablation.py --full      # the paper's network, for a GPU
    .venv/bin/python benchmarks/ablation.py --merge A.json B.json    # records of other seeds become one, with a picture

makes phantom scans of which 28 are partly labelled, 8 completely, and 32 not at all; trains an nnU-Net on the
complete ones, refines the partial labels with it, pretrains on the scans without labels, and trains the segmentation
in five arms, with each of the seeds:

    partial_as_complete   classes that were not annotated are background
    partial_loss          classes that were not annotated are left open by the loss
    refined               classes that were not annotated are the teacher's
    refined_pretrained    the same, from the pretrained encoder
    full_truth            the complete truth, as the upper bound

Every arm has the same scans, the same 8 complete labels, the same number of steps. Each network segments 10 scans that
nothing was trained or selected on, with windows that overlap by 0 and by 50 %. Teacher and pretraining are made once
and shared by the seeds. Writes ``benchmarks/results/ablation_<setting>_seeds<...>_<machine>.json`` and a picture. A
run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from ablation_results import by_case, draw, means, merge, paired
from bundle_trial import ROOT, run_bundle, write_record

from swinx.cohorts import write_synthetic_cohort
from swinx.data import load_data_list, write_data_list
from swinx.refinement import refinement_gain
from swinx.scoring import read_scores

CONFIGS = "bundles/{}/configs/{}.json"
COHORT: dict[str, Any] = {"labelled": 28, "unlabelled": 32, "validation": 22, "seed": 0}
COMPLETE, SELECTION = 8, 4  # of the completely labelled scans; the others are for testing
OVERLAPS = (0.0, 0.5)
SMALL: dict[str, Any] = {
    "embed_dim": 12,
    "num_heads": [1, 2, 4, 8],
    "drop_path_rate": 0.0,
    "channels_last": True,
    "pixdim": [5.0, 5.0, 5.0],
    "antialias": True,
    "roi_size": [64, 64, 32],
    "num_workers": 0,
}
SMALL_STUDENT: dict[str, Any] = {"decoder_channels": 12}
SMALL_TRAINING: dict[str, Any] = {
    "max_epochs": 18,
    "warmup_epochs": 1,
    "val_interval": 6,
    "learning_rate": 0.005,
    "positive_patches": 1,
    "negative_patches": 0,
    "flip_prob": 0.0,
    "cache_rate": 1.0,
}
SMALL_PRETRAINING: dict[str, Any] = {
    "region_size": [72, 72, 40],
    "scans_per_batch": 2,
    "max_epochs": 30,
    "warmup_epochs": 2,
    "learning_rate": 0.0003,
    "teacher_momentum": 0.99,
    "temperature_ramp_epochs": 10,
    "patch_temperature_delay_epochs": 10,
    "picture_interval": 0,
    "cache_rate": 1.0,
    "out_dim": 512,
    "hidden_dim": 256,
    "bottleneck_dim": 64,
}
SMALL_TEACHER: dict[str, Any] = {
    "folds": ["all"],
    "spacing_mm": [5.0, 5.0, 5.0],
    "feature_divisor": 2,
    "gpu_memory_gb": 0.7,
    "nnunet_trainer": "nnUNetTrainerNoDA",
    "optimizer": "AdamW",
    "learning_rate": 0.003,
    "epochs": 12,
    "iterations": 25,
    "num_processes": 1,
}
ARMS: dict[str, tuple[str, dict[str, Any]]] = {
    "partial_as_complete": ("partial", {"partial_labels": False}),
    "partial_loss": ("partial", {}),
    "refined": ("refined", {}),
    "refined_pretrained": ("refined", {"pretrained": "pretrained"}),
    "full_truth": ("full", {}),
}


def main() -> None:
    """Run the experiment and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--full", action="store_true", help="the paper's network, for a GPU")
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument("--jobs", type=int, default=1, help="trainings side by side, each with its share of the cores")
    options.add_argument("--work", type=Path, default=ROOT / "work" / "ablation")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    options.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS), help="by default all")
    options.add_argument("--rate", type=float, help="another learning rate, for arms of their own")
    options.add_argument("--epochs", type=int, help="another number of epochs, for arms of their own")
    options.add_argument("--merge", type=Path, nargs="+", help="records of runs with other seeds; nothing is trained")
    given = options.parse_args()
    if given.merge:
        merge(given.merge, given.out)
        return
    if given.jobs < 1 or len(set(given.seeds)) < len(given.seeds):
        options.error(f"--jobs {given.jobs} must be 1 or more, and --seeds {given.seeds} all different")
    network, training = ({}, {"cache_rate": 1.0}) if given.full else (SMALL, SMALL_TRAINING)
    other = {"learning_rate": given.rate, "max_epochs": given.epochs}
    other = {setting: value for setting, value in other.items() if value is not None}
    variant = "".join(f"_{setting}{value:g}" for setting, value in other.items())
    training = training | other
    work = given.work / ("full" if given.full else "small")
    began = time.monotonic()
    lists = prepare(given.work / "cohort")
    lists["refined"] = refine(lists, work, {} if given.full else SMALL_TEACHER)
    pretrained = pretrain(lists["partial"], work, network, {} if given.full else SMALL_PRETRAINING)
    settings = network | ({} if given.full else SMALL_STUDENT)
    threads = max(1, (os.cpu_count() or 1) // given.jobs)
    with ThreadPoolExecutor(given.jobs) as pool:
        arms = []
        for seed in given.seeds:
            for arm in given.arms:
                which, changes = ARMS[arm]
                own = training | changes | {"seed": seed}
                own |= {"pretrained": pretrained} if "pretrained" in changes else {}
                place = work / f"{arm}_{seed}{variant}"
                arms.append(pool.submit(train_and_score, place, lists[which], lists["partial"], settings, own, threads))
        try:
            for arm_done in as_completed(arms):
                arm_done.result()
        except BaseException:  # Ctrl-C, too: what has not begun does not begin
            pool.shutdown(cancel_futures=True)
            raise
    scores = {
        (arm, overlap): [
            read_scores(work / f"{arm}_{seed}{variant}" / f"overlap_{overlap:g}" / "scores.csv") for seed in given.seeds
        ]
        for arm in given.arms
        for overlap in OVERLAPS
    }
    content: dict[str, Any] = {
        "cohort": COHORT | {"complete_for_training": COMPLETE, "for_selection": SELECTION},
        "settings": {"network": settings, "training": training, "seeds": given.seeds},
        "minutes": round((time.monotonic() - began) / 60, 1),
        "refined_labels": refined_labels(lists, given.work / "cohort" / "labelsTrFull"),
        "arms": {f"{arm}, overlap {overlap:g}": means(tables) for (arm, overlap), tables in scores.items()},
        "paired": paired(scores),
        "by_case": {f"{arm}, overlap {overlap:g}": by_case(tables) for (arm, overlap), tables in scores.items()},
    }
    name = f"ablation_{work.name}{variant}_seeds{''.join(map(str, given.seeds))}"
    path = write_record(given.out, name, content)
    draw(content["arms"], path.with_suffix(".png"))
    print(json.dumps({key: content[key] for key in ("minutes", "arms", "paired")}, indent=2))


def prepare(folder: Path) -> dict[str, Path]:
    """Write the cohort and the data lists of partial labels and of the complete truth."""
    source = write_synthetic_cohort(folder, **COHORT)
    partial, complete = (load_data_list(source, section) for section in ("training", "validation"))
    sections = {
        "validation": complete[COMPLETE : COMPLETE + SELECTION],
        "testing": complete[COMPLETE + SELECTION :],
        "unlabeled": load_data_list(source, "unlabeled"),
    }
    full = [item | {"label": str(folder / "labelsTrFull" / f"{item['case']}.nii.gz")} for item in partial]
    lists = {}
    for name, training in (("partial", partial), ("full", [i | {"annotated": list(range(1, 15))} for i in full])):
        lists[name] = folder / name / "datalist.json"
        content = {"training": training + complete[:COMPLETE], **sections}
        write_data_list(lists[name], content, name=f"ablation, {name}", roots=[folder])
    return lists


def refine(lists: dict[str, Path], work: Path, settings: dict[str, Any]) -> Path:
    """Train the teacher on the complete cases and refine the partial ones; return the refined data list."""
    where = {"dataset_dir": lists["partial"].parent}
    folds = {"folds": settings["folds"]} if "folds" in settings else {}
    run_bundle(
        "training", [CONFIGS.format("pseudolabel", "train")], settings | where | {"output_dir": work / "teacher"}
    )
    (model,) = (work / "teacher" / "results").glob("*/*")
    changes = where | folds | {"teacher_dir": model, "output_dir": work / "refined", "sections": ["training"]}
    files = [CONFIGS.format("pseudolabel", name) for name in ("inference", "refine")]
    run_bundle("refine", files, changes)
    return work / "refined" / "datalist.json"


def pretrain(data_list: Path, work: Path, network: dict[str, Any], settings: dict[str, Any]) -> Path:
    """Pretrain on the scans without labels, unless that is done; return the encoder."""
    done, model = work / "pretrain" / "done", work / "pretrain" / "model.pt"
    if not done.is_file():
        paths = {"dataset_dir": data_list.parent, "output_dir": work / "pretrain", "checkpoint": model}
        run_bundle("training", [CONFIGS.format("ssl_smit", "train")], network | settings | paths)
        done.touch()
    return model


def train_and_score(
    folder: Path, data_list: Path, test_list: Path, network: dict[str, Any], training: dict[str, Any], threads: int
) -> None:
    """Train one network and score it on the test scans, unless that is done."""
    model = folder / "model.pt"
    settings = json.dumps({"network": network, "training": {**training, "pretrained": "pretrained" in training}})
    done = folder / "done"
    if done.is_file() and done.read_text(encoding="utf-8") != settings:
        raise SystemExit(f"{folder} was trained with other settings; delete it, or give another --work")
    if not done.is_file():
        paths = {"dataset_dir": data_list.parent, "output_dir": folder / "train", "checkpoint": model}
        run_bundle("training", [CONFIGS.format("swinx_seg", "train")], network | training | paths, threads)
        done.write_text(settings, encoding="utf-8")
    for overlap in OVERLAPS:
        scores = folder / f"overlap_{overlap:g}"
        if not (scores / "scores.csv").is_file():
            where = {"dataset_dir": test_list.parent, "output_dir": scores, "checkpoint": model, "section": "testing"}
            settings = network | {"overlap": overlap, "protocol": "standard"}
            run_bundle(
                "evaluate",
                [CONFIGS.format("swinx_seg", name) for name in ("inference", "evaluate")],
                settings | where,
                threads,
            )


def refined_labels(lists: dict[str, Path], truth: Path) -> dict[str, float]:
    """Return the mean Dice of the labels before and after refinement, in percent, over classes and cases."""
    rows = refinement_gain(truth, lists["partial"], lists["refined"], progress=False).rows
    by_class = rows.groupby("class")[["before", "after"]].mean()
    of_teacher = rows[~rows["annotated"]].groupby("class")["after"].mean()
    return {name: round(100 * float(by_class[name].mean()), 2) for name in ("before", "after")} | {
        "after_where_not_drawn": round(100 * float(of_teacher.mean()), 2)
    }


if __name__ == "__main__":
    main()

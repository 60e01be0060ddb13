"""Refined labels against a hidden complete truth, for every policy, with a real nnU-Net as teacher.

    .venv/bin/python benchmarks/refinement_policies.py            # a small teacher, for two CPU cores: 40 minutes
    .venv/bin/python benchmarks/refinement_policies.py --full     # nnU-Net's own plans and schedule, for a GPU

makes a phantom cohort, trains three folds of an nnU-Net on its completely labelled cases by the bundle's own command,
lets them label the partly labelled cases, refines these by every policy, and compares with the truth that was kept
from both. It also times the refinement of one real CT of 512 x 512 x 133 voxels. Writes
``benchmarks/results/refinement_policies_<setting>_seed<n>_<machine>.json``. A run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from bundle_trial import ROOT, run_bundle, write_record
from monai.data import MetaTensor
from monai.transforms import LoadImage
from tqdm import tqdm

from swinx.cohorts import fetch_demo_ct, write_synthetic_cohort
from swinx.data import CTReader, load_data_list
from swinx.labels import FLARE23, UNKNOWN
from swinx.metrics import dice_per_class
from swinx.refinement import (
    Agreement,
    FillHoles,
    FillUnannotated,
    LargestComponent,
    Laterality,
    MinimumComponent,
    NnUNetTeacher,
    OverwriteOrgans,
    RefineLabelsd,
    SaveRefinementd,
    TruthOnly,
    TumorHostChecked,
)

COHORT: dict[str, Any] = {"labelled": 21, "unlabelled": 0, "validation": 12, "seed": 0}
FOLDS = [0, 1, 2]
SMALL: dict[str, Any] = {
    "spacing_mm": [5.0, 5.0, 5.0],
    "feature_divisor": 2,
    "gpu_memory_gb": 0.7,
    "nnunet_trainer": "nnUNetTrainerNoDA",
    "optimizer": "AdamW",
    "learning_rate": 3e-3,
    "epochs": 12,
    "iterations": 25,
    "num_processes": 1,
}
FILTERS = (MinimumComponent(50.0), Laterality(), LargestComponent(), FillHoles(1000.0))
POLICIES: dict[str, tuple[Any, tuple[Any, ...], bool]] = {
    "before": (None, (), False),
    "truth_only": (TruthOnly(), (), False),
    "fill_unannotated": (FillUnannotated(), FILTERS, False),
    "fill_unannotated_unfiltered": (FillUnannotated(), (), False),
    "fill_unannotated_no_pseudo_tumor": (FillUnannotated(tumor=False), FILTERS, False),
    "tumor_host_checked": (TumorHostChecked(), FILTERS, False),
    "overwrite_organs": (OverwriteOrgans(), FILTERS, False),
    "agreement_of_all": (Agreement(), FILTERS, True),
    "agreement_of_two": (Agreement(2), FILTERS, True),
}
"""Policy, filters, and whether it is given one map of each fold instead of the mean of the folds."""

load_scan = LoadImage(reader=CTReader(), image_only=True, ensure_channel_first=True)
load_label = LoadImage(
    reader=CTReader(kind="label", allow_empty=True, allow_unknown=True), image_only=True, ensure_channel_first=True
)


def main() -> None:
    """Run the benchmark and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--full", action="store_true", help="nnU-Net's own plans and schedule, for a GPU")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--work", type=Path, default=ROOT / "work" / "refinement_policies")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    given = options.parse_args()
    training = {} if given.full else SMALL
    name = f"{'full' if given.full else 'small'}_seed{given.seed}"
    cohort = {**COHORT, "seed": given.seed}
    data_list = write_synthetic_cohort(given.work / f"cohort_{given.seed}", **cohort)
    work = given.work / name
    settings = {"dataset_dir": data_list.parent, "section": "validation", "output_dir": work, "folds": FOLDS}
    run_bundle("training", ["bundles/pseudolabel/configs/train.json"], settings | training | {"seed": given.seed})
    (model,) = (work / "results").glob("*/*")
    teachers = {per_fold: NnUNetTeacher(model, FOLDS, per_fold=per_fold) for per_fold in (False, True)}
    rows = []
    for item in tqdm(load_data_list(data_list, "training"), desc="refining", unit="case"):
        rows += score(item, teachers, data_list.parent / "labelsTrFull" / f"{item['case']}.nii.gz")
    table = pd.DataFrame(rows)
    content = {
        "cohort": cohort,
        "settings": training | {"folds": FOLDS, "seed": given.seed},
        "policies": {policy: summary(table[table["policy"] == policy]) for policy in POLICIES},
        "cost_of_one_ct": cost(teachers[False], work),
    }
    write_record(given.out, f"refinement_policies_{name}", content)
    print(markdown(content["policies"]))
    print(json.dumps(content["cost_of_one_ct"], indent=2))


def score(item: Mapping[str, Any], teachers: Mapping[bool, NnUNetTeacher], truth: Path) -> list[dict[str, Any]]:
    """Refine one case by every policy; return a row per policy and class that the truth has."""
    scan, drawn = load_scan(item["image"]), load_label(item["label"])
    complete = load_label(truth).numpy()[0].astype(np.uint8)
    pseudo = {k: MetaTensor(t.predict(item["case"], scan).labels, affine=scan.affine) for k, t in teachers.items()}
    rows = []
    for name, (policy, filters, per_fold) in POLICIES.items():
        data: dict[Any, Any] = {
            "label": drawn,
            "pred": pseudo[per_fold],
            "annotated": item["annotated"],
            "case": item["case"],
        }
        out = RefineLabelsd(policy=policy, filters=filters)(data) if policy else data
        label = torch.as_tensor(out["label"]).numpy()[0].astype(np.uint8)
        unknown = label == UNKNOWN
        plain = dice_per_class(complete, np.where(unknown, 0, label).astype(np.uint8))
        sure = dice_per_class(np.where(unknown, 0, complete), np.where(unknown, 0, label).astype(np.uint8))
        sizes = np.bincount(complete.ravel(), minlength=FLARE23.num_classes)
        rows += [
            {
                "policy": name,
                "case": item["case"],
                "class": FLARE23.names[value],
                "annotated": value in item["annotated"],
                "dice": plain[FLARE23.names[value]],
                "dice_where_known": sure[FLARE23.names[value]],
                "unknown_ml_per_scan_ml": float(unknown.mean()),
            }
            for value in FLARE23.foreground
            if sizes[value]
        ]
    return rows


def summary(rows: pd.DataFrame) -> dict[str, Any]:
    """Return means by class: over all cases, and over those in which the class was drawn, or was not."""
    drawn, filled = rows[rows["annotated"]], rows[~rows["annotated"]]
    of = partial(by_class, column="dice")
    return {
        "all": of(rows),
        "drawn": of(drawn),
        "not_drawn": of(filled),
        "not_drawn_where_known": by_class(filled, column="dice_where_known"),
        "unknown_share_of_scan": round(float(rows.groupby("case")["unknown_ml_per_scan_ml"].first().mean()), 5),
    }


def by_class(rows: pd.DataFrame, column: str) -> dict[str, float]:
    """Return the mean of each class, of the organs, and of all classes, in percent."""
    means = (100 * rows.groupby("class")[column].mean()).reindex(FLARE23.names[1:])
    together = {"organs": means.drop("tumor").mean(), "classes": means.mean()}
    return {name: round(float(value), 2) for name, value in (means.to_dict() | together).items()}


def cost(teacher: NnUNetTeacher, work: Path) -> dict[str, Any]:
    """Time the steps of refining one real CT of 512 x 512 x 133 voxels of which the liver is drawn."""
    image_path, label_path = fetch_demo_ct(ROOT / "work" / "demo" / "cache")
    began = time.perf_counter()
    scan, label = load_scan(image_path), load_label(label_path)
    read = time.perf_counter()
    liver = MetaTensor((label == 1).to(torch.uint8), affine=label.affine)
    pseudo = MetaTensor(teacher.predict("demo", scan).labels, affine=scan.affine)
    predicted = time.perf_counter()
    data: dict[Any, Any] = {"image": scan, "label": liver, "pred": pseudo, "annotated": [1], "case": "demo"}
    refined = RefineLabelsd(policy=FillUnannotated(), filters=FILTERS)(data)
    merged = time.perf_counter()
    SaveRefinementd("label", work / "cost")(refined)
    written = time.perf_counter()
    return {
        "shape": list(scan.shape[1:]),
        "teacher_folds": len(FOLDS),
        "seconds": {
            "read_scan_and_label": round(read - began, 2),
            "teacher": round(predicted - read, 2),
            "filter_merge_check": round(merged - predicted, 2),
            "write": round(written - merged, 2),
        },
    }


def markdown(policies: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the means over the cases in which a class was not drawn, as a table."""
    names = list(policies)
    lines = ["| Dice (%) where not drawn | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    for kind in (*FLARE23.names[1:], "organs"):
        values = [policies[name]["not_drawn"][kind] for name in names]
        lines.append(f"| {kind} | " + " | ".join(f"{value:.1f}" for value in values) + " |")
    for title, part, kind in (
        ("organs, known voxels", "not_drawn_where_known", "organs"),
        ("tumor, known voxels", "not_drawn_where_known", "tumor"),
        ("organs, where drawn", "drawn", "organs"),
        ("tumor, where drawn", "drawn", "tumor"),
    ):
        lines.append(f"| {title} | " + " | ".join(f"{policies[n][part][kind]:.1f}" for n in names) + " |")
    lines.append(
        "| unknown share of the scan | "
        + " | ".join(f"{100 * policies[n]['unknown_share_of_scan']:.2f}" for n in names)
        + " |"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()

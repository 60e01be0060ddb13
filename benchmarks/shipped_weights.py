"""Shipping of weights: half precision, and what they reach on real CTs of patients known and unknown to them.

    .venv/bin/python benchmarks/shipped_weights.py write --weights work/weights/models/model.pt
    .venv/bin/python benchmarks/shipped_weights.py measure

The first command writes ``bundles/swinx_seg/models/swinx_abdomen_small.pt`` and its record. The second scores a model
with the profiles ``standard`` and ``fast`` on

* deformed: whole generated patients that were kept from the training (``work/weights/held_out``),
* trained: the CT from which all patients of the training were generated, as it is,
* unseen: a native CT of another patient, which no training, no choice of settings and no selection has seen,

and writes Dice and seconds, connected parts, and what of the upper organs lies below the top of the hips, to
``benchmarks/results/shipped_weights_<machine>.json``, with a picture of the unseen patient.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from bundle_trial import ROOT, write_record
from numpy.typing import NDArray
from scipy.ndimage import label as connected

from swinx.bundle import SHIPPED
from swinx.cohorts import fetch_demo_ct, fetch_example_ct
from swinx.data import read_volume
from swinx.labels import LabelSet, class_numbers, read_label_set
from swinx.metrics import dice_per_class
from swinx.packaging import write_half_precision
from swinx.report import write_overlay
from swinx.segmentation import LoadedModel, load_model

ABOUT = (
    "13 abdominal organs in CT at 4 mm, trained for three hours on generated variants of one real patient; rough on "
    "other patients: for a first look and as a start of trainings, never for the care of patients"
)
LARGE = ("liver", "right kidney", "left kidney", "spleen", "stomach")
UPPER = ("liver", "spleen", "pancreas", "stomach", "right kidney", "left kidney")
HIPS = ("hip_left", "hip_right")


def main() -> None:
    """Write or measure."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("step", choices=("write", "measure"))
    options.add_argument("--weights", type=Path, default=ROOT / "work" / "weights" / "models" / "model.pt")
    options.add_argument("--model", default=SHIPPED, help="a model as swinx segment takes it")
    options.add_argument("--profiles", default="standard,fast")
    options.add_argument("--cache", type=Path, default=ROOT / "work" / "demo" / "cache")
    options.add_argument("--held-out", type=Path, default=ROOT / "work" / "weights" / "held_out")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    options.add_argument("--picture", type=Path)
    given = options.parse_args()
    if given.step == "write":
        target = ROOT / "bundles" / "swinx_seg" / "models" / f"{SHIPPED}.pt"
        print(write_half_precision(given.weights, target, ABOUT))
        return
    cases = find_cases(given.cache, given.held_out)
    found: dict[str, Any] = {"model": Path(given.model).name}
    for profile in given.profiles.split(","):
        model = load_model(given.model, profile)
        found[profile] = {name: measure(model, *case, given.picture) for name, case in cases.items()}
    write_record(given.out, f"shipped_weights_{Path(given.model).stem}", found)
    print(json.dumps(found, indent=1))


def find_cases(cache: Path, held_out: Path) -> dict[str, tuple[str, Path, Path, Path | None]]:
    """Return kind, scan, label and, where there is one, the mask of all structures, by case."""
    image, label = fetch_demo_ct(cache)
    unseen = fetch_example_ct(cache)
    mask = unseen[1].with_name("example_mask.nii.gz")
    cases: dict[str, tuple[str, Path, Path, Path | None]] = {
        "unseen": ("unseen", *unseen, mask),
        "trained": ("trained", image, label, None),
    }
    for path in sorted((held_out / "imagesVal").glob("*_0000.nii.gz")):
        name = path.name.removesuffix("_0000.nii.gz")
        cases[name] = ("deformed", path, held_out / "labelsVal" / f"{name}.nii.gz", None)
    return cases


def measure(
    model: LoadedModel, kind: str, image: Path, label: Path, mask: Path | None, picture: Path | None
) -> dict[str, Any]:
    """Return the scores of one case."""
    result = model.segment(image, progress=False)
    truth = read_volume(label, "label").array.astype(np.uint8)  # the ids of FLARE-22 and FLARE-23 are the same
    scores = dice_per_class(truth, result.class_ids, model.label_set)
    scores = {
        name: round(100 * score, 2) for name, score in scores.items() if (truth == model.label_set.find(name)).any()
    }
    names = [model.label_set.names[each] for each in model.label_set.foreground]
    parts = {name: int(connected(result.class_ids == model.label_set.find(name))[1]) for name in names}
    found: dict[str, Any] = {
        "kind": kind,
        "dice": scores,
        "mean": round(float(np.mean(list(scores.values()))), 2),
        "mean_of_large": round(float(np.mean([scores[name] for name in LARGE if name in scores])), 2),
        "connected_parts": parts,
        "volumes_ml": {name: round(volume, 1) for name, volume in result.volumes_ml.items()},
        "seconds": result.record["seconds"],
    }
    if mask is not None:
        found["upper_organs_below_hips_ml"] = below_hips(result.class_ids, model.label_set, mask, result.affine)
    if picture is not None and kind == "unseen" and model.profile == "standard":
        scan, title = read_volume(image).array, "CT of a patient that the weights have not seen"
        write_overlay(scan, truth, result.class_ids, result.affine, picture, title, dpi=80, label_set=model.label_set)
    return found


def below_hips(class_ids: NDArray[np.uint8], label_set: LabelSet, mask: Path, affine: NDArray[np.float64]) -> float:
    """Return the ml of organs of the upper abdomen below the top of the hip bones, where none belongs."""
    structure_set = read_label_set("totalsegmentator")
    names = structure_set.names
    structures = read_volume(mask, "label", numbers=class_numbers(structure_set)).array
    height = np.tensordot(affine[2, :3], np.indices(structures.shape), axes=1) + affine[2, 3]
    hips = np.isin(structures, [names.index(name) for name in HIPS])
    middle = np.percentile(height[hips], 60)
    upper = np.isin(class_ids, [label_set.find(name) for name in UPPER])
    voxel_ml = abs(np.linalg.det(affine[:3, :3])) / 1000
    return round(float((upper & (height < middle)).sum() * voxel_ml), 1)


if __name__ == "__main__":
    main()

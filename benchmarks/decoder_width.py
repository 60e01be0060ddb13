"""A decoder with fewer channels at full resolution, trained beside the standard one: Dice against arithmetic.

    .venv/bin/python benchmarks/decoder_width.py

makes the demo cohort at 4 mm with complete labels, trains each variant by the bundle's own command on windows of 32 x
32 x 32, scores the test cases, and writes ``benchmarks/results/decoder_width_<machine>.json`` and
``docs/images/decoder_width.png``. The variants differ in one setting, ``decoder_channels``. A run that was cut off goes
on; a training that is complete is not repeated.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from bundle_trial import RESULTS, ROOT, picture_path, run_bundle, write_record
from matplotlib.figure import Figure
from torch.utils.flop_counter import FlopCounterMode

from swinx.cohorts import write_demo_cohort
from swinx.networks import SwinXSeg
from swinx.scoring import read_scores

CONFIGS = "bundles/swinx_seg/configs"
VARIANTS: dict[str, Any] = {"wide": 16, "between": [11, 16, 16, 16, 16], "narrow": [6, 16, 16, 16, 16]}
SETTINGS: dict[str, Any] = {
    "roi_size": [32, 32, 32],
    "max_epochs": 60,
    "val_interval": 10,
    "time_limit_minutes": 60,
    "scans_per_batch": 2,
    "positive_patches": 2,
    "negative_patches": 1,
    "mlflow": False,
    "progress": False,
}
SIZES = {"embed_dim": 16, "num_heads": (1, 2, 4, 8)}


def main() -> None:
    """Train what is not trained, score, write and draw."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--folder", type=Path, default=ROOT / "work" / "decoder_width")
    options.add_argument("--cache", type=Path, default=ROOT / "work" / "demo" / "cache")
    options.add_argument("--out", type=Path, default=RESULTS)
    options.add_argument("--picture", type=Path, help="by default in docs/images, or beside a record that --out moves")
    options.add_argument("--epochs", type=int, default=SETTINGS["max_epochs"])
    given = options.parse_args()
    SETTINGS["max_epochs"] = given.epochs
    folder = given.folder.absolute()
    data = make_cohort(folder / "data", given.cache)
    found = {}
    for name, channels in VARIANTS.items():
        places = {"dataset_dir": data, "checkpoint": folder / f"{name}.pt"}
        files = [f"{CONFIGS}/train.json", f"{CONFIGS}/demo.json"]
        run_bundle("training", files, {**places, "output_dir": folder / name, **SETTINGS, "decoder_channels": channels})
        found[name] = {"decoder_channels": channels, **arithmetic(channels), **scores(folder, name, places, channels)}
    write_record(given.out, "decoder_width", {"settings": SETTINGS, "variants": found})
    draw(found, given.picture or picture_path(given.out, "decoder_width"))
    print(json.dumps(found, indent=1))


def make_cohort(folder: Path, cache: Path) -> Path:
    """Return the demo cohort with the labels that are complete in all its training cases."""
    listed = folder / "datalist.json"
    if not listed.exists():
        write_demo_cohort(folder, cache, unlabelled=0)
        content = json.loads(listed.read_text(encoding="utf-8"))
        whole = content["testing"][0]["annotated"]
        for item in content["training"]:
            item |= {"label": item["label"].replace("labelsTr/", "labelsTrFull/"), "annotated": whole}
        listed.write_text(json.dumps(content), encoding="utf-8")
    return folder


def arithmetic(channels: int | list[int]) -> dict[str, float]:
    """Return GFLOP of a window as it is here, and of the full-size network with full resolution as much narrower."""
    first = channels if isinstance(channels, int) else channels[0]
    full = (first * 3, 48, 48, 48, 48)
    small = SwinXSeg(**SIZES, decoder_channels=channels)  # type: ignore[arg-type]
    return {"gflop": count(small, 32), "gflop_full_size": count(SwinXSeg(decoder_channels=full), 96)}


def count(network: torch.nn.Module, side: int) -> float:
    """Return GFLOP of a cubic window, multiplication and addition counted apart."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network.eval()(torch.zeros(1, 1, side, side, side))
    return round(counter.get_total_flops() / 1e9, 2)


def scores(folder: Path, name: str, places: dict[str, Any], channels: int | list[int]) -> dict[str, Any]:
    """Return mean Dice (%) over the test cases and of each organ, protocol ``fixed``."""
    out = folder / f"{name}_scores"
    settings = {"section": "testing", "output_dir": out, "scores_dir": out, "roi_size": SETTINGS["roi_size"]}
    files = [f"{CONFIGS}/{name}.json" for name in ("inference", "evaluate", "demo")]
    run_bundle(
        "evaluate", files, {**places, **settings, "decoder_channels": channels, "progress": False, "mlflow": False}
    )
    table = read_scores(out / "scores.csv")
    organs = [column for column in table if column.endswith("_dsc") and table[column].notna().any()]
    history = pd.read_csv(folder / name / "history.csv")
    return {
        "epochs": int(history["epoch"].max()),
        "mean_dice": round(100 * float(table[organs].mean(axis=1).mean()), 2),
        "dice": {column.removesuffix("_dsc"): round(100 * float(table[column].mean()), 2) for column in organs},
    }


def draw(found: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw mean Dice against arithmetic, a point for each variant."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, row in found.items():
        axes.plot(row["gflop"], row["mean_dice"], "o", markersize=9)
        text = f"{name}: decoder_channels {row['decoder_channels']}\n{row['mean_dice']:.1f} %"
        axes.annotate(text, (row["gflop"], row["mean_dice"]), xytext=(8, -4), textcoords="offset points", fontsize=9)
    largest = max(row["gflop"] for row in found.values())
    axes.set(xlabel="GFLOP of a window of 32 x 32 x 32", ylabel="mean Dice (%)", xlim=(0, 1.7 * largest))
    axes.margins(y=0.5)
    axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()

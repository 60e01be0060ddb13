"""What overlap and margin cost in Dice, and what they save.

    .venv/bin/python benchmarks/window_settings.py --checkpoint work/demo/models/model.pt --dataset_dir work/demo/data

segments the test cases with trained weights by every setting in turns and writes
``benchmarks/results/window_settings_<machine>.json`` and ``docs/images/window_settings.png``: windows, seconds of
processor in the network, Dice against the reference labels, and the share of voxels that get the label of the first
setting. The settings of the weights are read from the file beside them.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from bundle_trial import RESULTS, ROOT, picture_path, write_record
from matplotlib.figure import Figure
from monai.bundle import ConfigParser
from monai.transforms import Compose, LoadImaged
from torch import Tensor

from swinx.data import CTReader, load_data_list
from swinx.files import check_setting_of
from swinx.inference import SlidingWindowLabelInferer, WindowSettings, choose_backend
from swinx.networks import load_weights
from swinx.preprocessing import CTPreprocessingd
from swinx.tracking import read_record, recorded_settings

CONFIG = ROOT / "bundles" / "swinx_seg" / "configs" / "inference.json"


class Setting(NamedTuple):
    """A tiling, and whether OpenVINO runs it in bfloat16."""

    overlap: float
    margin: float
    bfloat16: bool = False


LAYS = [(0.5, 0.0), (0.5, 0.125), (0.5, 0.1875), (0.5, 0.25), (0.25, 0.0), (0.25, 0.125), (0.0, 0.0)]
SETTINGS = [Setting(*lay) for lay in LAYS]
IN_BFLOAT16 = [Setting(0.5, margin, True) for margin in (0.0, 0.125, 0.25)]


def main() -> None:
    """Measure, write and draw the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--checkpoint", type=Path, required=True)
    options.add_argument("--dataset_dir", type=Path, required=True)
    options.add_argument("--section", default="testing")
    options.add_argument("--backend", default="torch")
    options.add_argument("--bfloat16", action="store_true", help="OpenVINO in bfloat16 as well")
    options.add_argument("--cases", type=int, default=None, help="at most so many")
    options.add_argument("--out", type=Path, default=RESULTS)
    options.add_argument("--picture", type=Path, help="by default in docs/images, or beside a record that --out moves")
    given = options.parse_args()
    configuration = json.loads(CONFIG.read_text(encoding="utf-8"))
    settings = recorded_settings(read_record(given.checkpoint), configuration)
    check_setting_of(configuration, settings, str(given.checkpoint))
    parser = ConfigParser(configuration | {"bundle_root": str(CONFIG.parents[1])} | settings)
    network = parser.get_parsed_content("network_def").eval()
    load_weights(network, given.checkpoint)
    keys = ("image", "label")
    numbers = {name: parser[name] for name in ("pixdim", "window_hu", "body_crop", "body_margin_mm", "antialias")}
    loading = LoadImaged(keys, reader=CTReader(), ensure_channel_first=True, image_only=True)
    preprocessing = Compose([loading, CTPreprocessingd(keys, **numbers)])
    items = load_data_list(given.dataset_dir / "datalist.json", given.section)[: given.cases]
    settings = SETTINGS + (IN_BFLOAT16 if given.bfloat16 else [])
    backends = {False: choose_backend(given.backend)}
    if given.bfloat16:
        backends[True] = choose_backend("openvino", bfloat16=True)
    measured: dict[Setting, list[dict[str, Any]]] = {setting: [] for setting in settings}
    for item in items:
        case = preprocessing(item)
        reference, base = case["label"][0].as_tensor(), None
        for setting in settings:
            inferer = SlidingWindowLabelInferer(
                WindowSettings(parser["roi_size"], overlap=setting.overlap, margin=setting.margin, skip_air=True),
                backend=backends[setting.bfloat16],
                on_scan_grid=False,
            )
            started = time.process_time()
            labels = inferer(case["image"][None], network)[0, 0]
            seconds = time.process_time() - started
            base = labels if base is None else base
            measured[setting].append(
                {
                    "cpu_seconds": seconds,
                    "dice": {str(c): dice(labels, reference, c) for c in item["annotated"] if (reference == c).any()},
                    "same_labels": float((labels == base).float().mean()),
                }
            )
            print(item["case"], *setting, round(seconds, 1), measured[setting][-1]["same_labels"])
    rows = [summary(setting, records, measured[SETTINGS[0]]) for setting, records in measured.items()]
    write_record(
        given.out,
        "window_settings",
        {"backend": given.backend, "trained_with": settings, "cases": len(items), "settings": rows},
    )
    draw(rows, given.picture or picture_path(given.out, "window_settings"))


def dice(labels: Tensor, reference: Tensor, label: int) -> float:
    """Return the Dice of a class that the reference has."""
    a, b = labels == label, reference == label
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def summary(setting: Setting, records: list[dict[str, Any]], first: list[dict[str, Any]]) -> dict[str, Any]:
    """Return means over cases, relative to the first setting where that says more."""
    scores, base = ([float(np.mean(list(r["dice"].values()))) for r in rows] for rows in (records, first))
    seconds, at_first = (sum(r["cpu_seconds"] for r in rows) for rows in (records, first))
    return {
        **setting._asdict(),
        "cpu_of_first": round(seconds / at_first, 3),
        "mean_dice": round(float(np.mean(scores)), 5),
        "dice_lost_points": round(100 * float(np.mean(np.subtract(base, scores))), 3),
        "worst_case_lost_points": round(100 * float(np.max(np.subtract(base, scores))), 3),
        "same_labels": round(float(np.mean([r["same_labels"] for r in records])), 6),
        "least_same_labels": round(float(np.min([r["same_labels"] for r in records])), 6),
    }


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw Dice against time, a point for each setting."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for overlap, bfloat16, marker in ((0.5, False, "o"), (0.25, False, "s"), (0.0, False, "^"), (0.5, True, "d")):
        of_it = [row for row in rows if (row["overlap"], row["bfloat16"]) == (overlap, bfloat16)]
        if not of_it:
            continue
        x, y = ([row[key] * 100 for row in of_it] for key in ("cpu_of_first", "mean_dice"))
        axes.plot(x, y, marker=marker, linestyle="--", label=f"overlap {overlap:g}{', bfloat16' * bfloat16}")
        for number, (row, across, up) in enumerate(zip(of_it, x, y, strict=True)):
            place = (8, 12 - 14 * (len(of_it) - 1 - number) + 8) if bfloat16 else (5, -12)  # they are close together
            axes.annotate(
                f"margin {row['margin']:g}", (across, up), xytext=place, textcoords="offset points", fontsize=8
            )
    axes.set(xlabel="time in the network (% of overlap 0.5 without margin)", ylabel="mean Dice (%)", xlim=(0, 115))
    axes.margins(y=0.25)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()

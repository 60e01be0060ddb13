"""Picture of the gain of a pretraining: the Dice of every arm with every seed.

    .venv/bin/python benchmarks/gain_picture.py benchmarks/results/pretraining_gain_*_labels_*.json

draws the records of ``pretraining_gain.py`` side by side and writes ``docs/images/pretraining_gain.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bundle_trial import RESULTS, picture_path
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from swinx.files import read_object

COLOURS = {"pretrained": "#1b6ca8", "frozen_pretrained": "#1b6ca8", "oracle": "#3a8f4d"}


def main() -> None:
    """Draw the records that are given."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("records", type=Path, nargs="+")
    options.add_argument("--out", type=Path, default=RESULTS)
    given = options.parse_args()
    records = [read_object(path) for path in given.records]
    figure = Figure(figsize=(4.6 * len(records), 3.6), layout="constrained")
    for axes, record in zip(figure.subplots(1, len(records), squeeze=False, sharey=True)[0], records, strict=True):
        draw(axes, record)
    figure.savefig(picture_path(given.out, "pretraining_gain"), dpi=120)


def draw(axes: Axes, record: dict[str, Any]) -> None:
    """Draw a point for each training, a line for each seed, and the mean of each arm."""
    arms = list(record["means"])
    for number in range(len(record["seeds"])):
        values = [record["means"][arm]["by_seed"][number] for arm in arms]
        axes.plot(range(len(arms)), values, color="0.8", linewidth=0.8, zorder=1)
    for place, arm in enumerate(arms):
        found = record["means"][arm]
        colour = COLOURS.get(arm, "0.35")
        axes.scatter([place] * len(found["by_seed"]), found["by_seed"], color=colour, s=14, zorder=2)
        axes.hlines(found["mean"], place - 0.25, place + 0.25, color=colour, linewidth=2.5, zorder=3)
        axes.annotate(f"{found['mean']:.1f}", (place + 0.29, found["mean"]), fontsize=8, va="center")
    axes.set_xticks(range(len(arms)), [arm.replace("_", "\n") for arm in arms], fontsize=8)
    axes.set_xlim(-0.5, len(arms) - 0.2)
    axes.set_ylabel("mean Dice of 11 organs (%)")
    many = record["labels"] > 1
    axes.set_title(f"{record['labels']} labelled case{'s' if many else ''}, {len(record['seeds'])} seeds", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()

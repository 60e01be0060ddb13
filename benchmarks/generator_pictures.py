"""Picture of what the generator makes, beside slices of the real scan that it makes it from.

    python benchmarks/generator_pictures.py --cache work/demo/cache --out docs/images/generator.png

Rows: the real scan; then one row for each phase of contrast, and one painted from structures alone. Outlines are those
of the labels.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from monai.transforms import Compose

from swinx.cohorts import (
    GeometryRanges,
    RandAcquisitiond,
    RandContrastd,
    RandLumend,
    RandPatchd,
    RandSurroundingsd,
    SourceScan,
    StructuresToLabeld,
    load_sources,
)

AXIAL, CORONAL, MM, COLUMNS = (120, 88, 5), (120, 5, 88), 3.0, 6
STILL = GeometryRanges(scale=(1, 1), degrees=0, smooth_mm=(0, 0), organs=0, fat=(1, 1))
ROWS = ("real", "native", "arterial", "portal", "late", "synthetic")


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", default="work/demo/cache")
    parser.add_argument("--out", default="docs/images/generator.png")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sources = load_sources(options.cache)[:2]
    figure, axes = plt.subplots(len(ROWS), COLUMNS, figsize=(11, 10.6), facecolor="black")
    for row, phase in enumerate(ROWS):
        seed = 0
        for column in range(COLUMNS):
            chain = _chain(sources, CORONAL if column % 3 == 2 else AXIAL, phase)
            seed = _show(axes[row, column], chain, seed, phase, phase if column == 0 else "") + 1
    figure.subplots_adjust(0.03, 0, 1, 1, 0.02, 0.02)
    figure.savefig(options.out, dpi=72, facecolor="black")


def _chain(sources: Sequence[SourceScan], size: tuple[int, int, int], phase: str) -> Compose:
    """Return the transforms of a thin slab, for ``"real"`` without any change."""
    if phase == "real":
        patch = RandPatchd(sources, size, MM, other_prob=0, jitter=0, ranges=STILL)
        return Compose([patch, RandContrastd(synthetic_prob=0, same_prob=1), StructuresToLabeld()])
    steps = [RandPatchd(sources, size, MM, other_prob=0), RandContrastd(synthetic_prob=0.2)]
    return Compose([*steps, RandLumend(), RandSurroundingsd(), RandAcquisitiond(), StructuresToLabeld()])


def _show(axis: Axes, chain: Compose, seed: int, phase: str, name: str) -> int:
    """Draw the middle slice of the first draw of this phase from ``seed`` on; return its seed."""
    while (made := chain.set_random_state(seed)({}))["phase"] != ("own" if phase == "real" else phase):
        seed += 1
    image, label = (np.asarray(made[key][0]) for key in ("image", "label"))
    thin = int(np.argmin(image.shape))
    image, label = (volume.take(2, axis=thin)[::-1].T for volume in (image, label))
    axis.imshow(image, cmap="gray", vmin=-160, vmax=260, origin="lower")
    for number in np.unique(label[label > 0]):
        colour = plt.get_cmap("tab20")(int(number) % 20)
        axis.contour((label == number).astype(float), [0.5], linewidths=0.5, colors=[colour])
    axis.text(2, 3, name, color="white", fontsize=11)
    axis.axis("off")
    return seed


if __name__ == "__main__":
    main()

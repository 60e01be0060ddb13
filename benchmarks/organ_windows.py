"""What a coarse pass could save that finds where organs are, before the windows.

    .venv/bin/python benchmarks/organ_windows.py

counts, in the real CT of the demo with its own labels, the windows of each margin that hold a labelled organ in what is
used of them, or within 16 voxels of it: as if a coarse pass had found every voxel of the organs. It prints and writes
the share of windows that would be left, ``benchmarks/results/organ_windows_<machine>.json``; what the pass itself
costs comes on top.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bundle_trial import ROOT, write_record
from monai.transforms import Compose, LoadImaged
from torch import Tensor

from swinx.cohorts import fetch_demo_ct
from swinx.data import CTReader
from swinx.inference import WindowSettings
from swinx.inference.windows.tiling import Window, tile
from swinx.preprocessing import CTPreprocessingd

ROI = (96, 96, 96)
OVERLAP = 0.5
MARGINS = (0.0, 0.125, 0.25)
REACH = 16


def main() -> None:
    """Count, write and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pixdim", type=float, default=1.0, help="mm, along all axes")
    options.add_argument("--cache", type=Path, default=ROOT / "work" / "demo" / "cache")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    given = options.parse_args()
    image, label = fetch_demo_ct(given.cache)
    keys = ("image", "label")
    loading = LoadImaged(keys, reader=CTReader(), ensure_channel_first=True, image_only=True)
    prepare = Compose([loading, CTPreprocessingd(keys, pixdim=[given.pixdim] * 3)])
    case = prepare({"image": str(image), "label": str(label)})
    found = {f"margin {margin:g}": count(case["image"][None], case["label"][0], margin) for margin in MARGINS}
    write_record(given.out, "organ_windows", {"pixdim": given.pixdim, "windows": found})
    print(json.dumps(found, indent=1))


def count(image: Tensor, label: Tensor, margin: float) -> dict[str, float]:
    """Return how many windows are not of air, and how many of them are near an organ."""
    windows = tile(image, WindowSettings(ROI, overlap=OVERLAP, margin=margin, skip_air=True))
    near = [window for window in windows if touches(label, window)]
    return {"windows": len(windows), "near_an_organ": len(near), "share": round(len(near) / len(windows), 3)}


def touches(label: Tensor, window: Window) -> bool:
    """Return whether an organ is in what is used of a window, or within reach of it."""
    x, y, z = (slice(max(axis.start - REACH, 0), axis.stop + REACH) for axis in window.place)
    return bool((label[x, y, z] > 0).any())


if __name__ == "__main__":
    main()

"""Training steps on a GPU: patches a second of both trainings, and how much of the time goes by in waiting for data.

    python benchmarks/gpu_steps.py --seconds 90

Part of ``benchmarks/gpu.py``. The bundles' own trainings on phantoms, at batch 4 and 96 x 96 x 96: stage 3, stage 3
with MONAI's SwinUNETR-48 in place of its network, and stage 1; see ``benchmarks/training.py``. Writes
``gpu_steps_<machine>.json``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from gpu_part import Part, write_phantom

from training import ROOT, RUNS, SMALL

CASES = 4


def main() -> None:
    """Measure and write the results."""
    part = Part("gpu_steps", __doc__)
    shape, steps = ((160, 128, 64), 2) if part.small else ((384, 320, 160), 20)
    workers = 0 if part.small else min(8, os.cpu_count() or 1)
    settings: dict[str, Any] = {"cache_rate": 1.0, "num_workers": workers}
    settings |= SMALL | {"decoder_channels": 4, "positive_patches": 1, "negative_patches": 1} if part.small else {}
    part.content |= {"settings": settings, "steps": steps}
    with tempfile.TemporaryDirectory() as name:
        data = make_data(Path(name), shape, part)
        part.rows("runs", {run: lambda run=run: in_a_process(run, data, steps, settings, part) for run in RUNS}, 5)  # type: ignore[misc]


def make_data(folder: Path, shape: tuple[int, int, int], part: Part) -> Path:
    """Write phantoms and a data list for both trainings."""
    listed = []
    for number in range(CASES):
        image, label = write_phantom(folder, f"case{number}", shape, part.device)
        listed.append({"image": image.name, "label": label.name, "annotated": list(range(1, 14))})
    unlabelled = [{"image": item["image"]} for item in listed]
    content = {"training": listed[1:], "validation": listed[:1], "unlabeled": unlabelled}
    (folder / "datalist.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def in_a_process(name: str, data: Path, steps: int, settings: dict[str, Any], part: Part) -> dict[str, Any]:
    """Measure one training in a process of its own, for as long as there is time."""
    program = str(ROOT / "benchmarks" / "training.py")
    words = ["--one", name, str(data), "--steps", str(steps), "--settings", json.dumps(settings)]
    done = subprocess.run(
        [sys.executable, program, *words], stdout=subprocess.PIPE, text=True, check=True, timeout=max(part.left, 1)
    )
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


if __name__ == "__main__":
    main()

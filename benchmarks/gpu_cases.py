"""Whole cases on a GPU: the paper's eight sizes by two profiles of the bundle, and one by MONAI's reference pipeline.

    python benchmarks/gpu_cases.py --seconds 180

Part of ``benchmarks/gpu.py``. Phantoms of 512 x 512 voxels and 55 to 554 slices, made on the GPU and written as
uncompressed NIfTI, go through the bundle's own configuration with ``max_gpu_mb`` 4096 and random weights of the full
size: seconds by stage, and the peak of device memory as nvidia-smi sees it. Writes ``gpu_cases_<machine>.json``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from bundle_trial import ROOT
from gpu_part import SMALL_NETWORK, Part, write_phantom
from ignite.engine import Engine, Events
from monai.bundle import ConfigWorkflow

from swinx.networks import SwinXSeg, save_weights

CONFIGS = ROOT / "bundles" / "swinx_seg" / "configs"
PROFILES: dict[str, list[str]] = {"standard": [], "fast": ["fast"]}
SLICES = (55, 100, 150, 215, 334, 448, 499, 554)  # the sizes that FLARE 2023 timed
REFERENCE_SLICES = 150
SHARES = {"standard": 0.5, "fast": 0.8}
"""Share of the time that is gone when a profile takes no further case."""


def main() -> None:
    """Measure and write the results."""
    part = Part("gpu_cases", __doc__)
    side, slices = (48, (16, 24)) if part.small else (512, SLICES)
    settings: dict[str, Any] = {"max_gpu_mb": 4096, "backend": "torch", "progress": False}
    if part.small:
        settings |= {**SMALL_NETWORK, "roi_size": [32, 32, 32], "pixdim": [2.0, 2.0, 2.5]}
    part.content |= {"settings": settings, "cases": {}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_weights(SwinXSeg(**(SMALL_NETWORK if part.small else {})), folder / "model.pt")
        for count in slices:
            write_phantom(folder / "all" / f"{count:03d}", f"slices_{count:03d}", (side, side, count), part.device)
        for count in slices:
            scan = folder / "all" / f"{count:03d}" / f"slices_{count:03d}_0000.nii"
            (folder / "scans").mkdir(exist_ok=True)
            scan.rename(folder / "scans" / f"slices_{count:03d}.nii")
        for profile in PROFILES:
            left = part.left - part.seconds * (1 - SHARES[profile])
            part.rows(profile, {"all sizes": lambda p=profile, s=left: run_profile(part, p, folder, settings, s)})  # type: ignore[misc]
        count = slices[0] if part.small else REFERENCE_SLICES
        part.rows("reference pipeline", {f"slices_{count:03d}": lambda: run_reference(folder, count, settings)})


def run_profile(part: Part, profile: str, folder: Path, settings: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Segment the phantoms one after the other while there is time; record each as soon as it is done."""
    files = [str(CONFIGS / f"{name}.json") for name in ("inference", *PROFILES[profile])]
    out = folder / f"out_{profile}"
    places = {"dataset_dir": str(folder / "scans"), "output_dir": str(out), "checkpoint": str(folder / "model.pt")}
    workflow = ConfigWorkflow(files, workflow_type="infer", **settings, **places)
    workflow.initialize()
    records = workflow.parser.get_parsed_content("records")
    evaluator: Engine = workflow.parser.get_parsed_content("evaluator")
    end = part.left - seconds

    def note(engine: Engine) -> None:
        cases = part.content["cases"].setdefault(profile, {})
        for record in records.done:
            kept = ("shape", "network_shape", "seconds", "peak_memory", "windows")
            cases[record["case"]] = {key: record[key] for key in kept if key in record}
        for failure in records.failed:
            cases[failure["case"]] = {"failed": failure["reason"]}
        part.write()
        if part.left < end:
            engine.terminate()

    evaluator.add_event_handler(Events.ITERATION_COMPLETED, note)
    workflow.run()
    return {"cases": len(records.done), "failed": len(records.failed)}


def run_reference(folder: Path, count: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Segment one phantom by MONAI's reference pipeline; return seconds by stage and peaks of memory."""
    program = str(ROOT / "benchmarks" / "reference_pipeline.py")
    words = [str(folder / "scans" / f"slices_{count:03d}.nii"), str(folder / "reference")]
    known = {name: value for name, value in settings.items() if name not in ("max_gpu_mb", "backend", "progress")}
    words += ["--checkpoint", str(folder / "model.pt"), "--settings", json.dumps(known)]
    torch.cuda.empty_cache()
    done = subprocess.run([sys.executable, program, *words], stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


if __name__ == "__main__":
    main()

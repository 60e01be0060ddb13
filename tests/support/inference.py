"""The inference of the bundle, in process, with a network that needs no training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.data import DataLoader
from monai.engines import SupervisedEvaluator
from monai.transforms import Compose, LoadImaged

from swinx.data import CTReader
from swinx.inference import (
    Backend,
    CaseDataset,
    CaseIteration,
    CaseRecords,
    SaveLabelsd,
    SlidingWindowLabelInferer,
    WindowBudget,
    WindowSettings,
    collate_case,
    prepare_case,
)
from swinx.labels import FLARE23, LabelSet
from swinx.preprocessing import CTPreprocessingd

__all__ = ["BRIGHT_HU", "PIXDIM_MM", "SHAPE", "BrightIsLiver", "label_inferer", "segment", "write_scan"]

BRIGHT_HU = 125.0
"""What is brighter is liver to the network below."""

PIXDIM_MM = 1.0

SHAPE = (14, 12, 9)


class BrightIsLiver(torch.nn.Module):
    """Two classes by brightness; gives up, as a full GPU does, on a scan beyond 250 HU."""

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Return scores ``(N, 2, X, Y, Z)`` of windows ``(N, 1, X, Y, Z)`` in [0, 1], that is -250 to 250 HU."""
        if windows.max() == 1:
            raise RuntimeError("out of memory on device")
        return torch.cat([0.75 - windows, windows - 0.75], dim=1)


def write_scan(path: Path, affine: np.ndarray, seed: int = 0, hu: float = 0.0) -> Path:
    """Write soft tissue of ``hu`` with a bright block; return the path."""
    rng = np.random.default_rng(seed)
    volume = rng.normal(hu, 5, SHAPE)
    volume[3:8, 4:9, 2:6] = 200
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(volume.astype(np.int16), affine), path)
    return path


def label_inferer(
    roi_size: Sequence[int],
    backend: Backend | None = None,
    budget: WindowBudget | None = None,
    on_scan_grid: bool = True,
    **settings: Any,
) -> SlidingWindowLabelInferer:
    """Return an inferer for windows of this size, with further window settings by name."""
    return SlidingWindowLabelInferer(WindowSettings(roi_size, **settings), backend, budget, on_scan_grid)


def segment(
    cases: Sequence[dict[str, Any]],
    output_dir: Path,
    num_workers: int = 0,
    measure: Callable[[dict[Any, Any]], dict[Any, Any]] = dict,
    budget: WindowBudget | None = None,
    label_set: LabelSet | None = None,
    checkpoint: str | None = None,
    share: tuple[int, int] = (0, 1),
    resume: bool = False,
) -> CaseRecords:
    """Segment cases as ``inference.json`` does, with one more step at the end, and return the records."""
    preprocessing = Compose(
        [
            LoadImaged("image", reader=CTReader(), ensure_channel_first=True, image_only=True),
            CTPreprocessingd("image", pixdim=[PIXDIM_MM] * 3, body_crop=False),
        ]
    )
    records = CaseRecords(str(output_dir), label_set=label_set, checkpoint=checkpoint)
    chosen = records.choose(cases, *share, resume)
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(
            CaseDataset(chosen, preprocessing), batch_size=1, num_workers=num_workers, collate_fn=collate_case
        ),
        network=BrightIsLiver(),
        iteration_update=CaseIteration(),
        prepare_batch=prepare_case,
        inferer=label_inferer((8, 8, 8), sw_batch_size=2, budget=budget),
        postprocessing=Compose([SaveLabelsd("pred", output_dir, label_set=label_set or FLARE23), measure]),
        val_handlers=[records],
    )
    evaluator.run()
    records.summarise()
    return records

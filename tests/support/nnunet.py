"""nnU-Net's own command line, to compare with."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from support.bundles import ROOT
from support.warm_python import run_warm

__all__ = ["predict_by_command"]


def predict_by_command(model: Path, scans: Path, out: Path, folds: Sequence[int] = (0,)) -> None:
    """Segment a folder of ``<case>_0000.nii.gz`` as nnU-Net's documentation says, without mirroring.

    The model is taken for that of data set 1 among nnU-Net's results; no further processes are started.
    """
    place = out.with_name("results") / "Dataset001_A" / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    place.parent.mkdir(parents=True)
    place.symlink_to(model)
    folders = {f"nnUNet_{name}": str(out.with_name(name)) for name in ("raw", "preprocessed", "results")}
    program = str(Path(sys.executable).with_name("nnUNetv2_predict"))
    words = ["-i", str(scans), "-o", str(out), "-d", "Dataset001_A", "-c", "3d_fullres", "-f", *map(str, folds)]
    words += ["-device", "cpu", "--disable_tta", "-npp", "0", "-nps", "0"]
    finished = run_warm([sys.executable, program, *words], ROOT, os.environ | folders | {"OMP_NUM_THREADS": "1"})
    assert finished.returncode == 0, finished.stderr[-3000:]

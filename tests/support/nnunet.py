"""nnU-Net's own command line, to compare with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["predict_by_command"]


def predict_by_command(model: Path, scans: Path, out: Path, folds: Sequence[int] = (0,)) -> None:
    """Segment a folder of ``<case>_0000.nii.gz`` as nnU-Net's documentation says, without mirroring."""
    command = Path(sys.executable).with_name("nnUNetv2_predict_from_modelfolder")
    folders = ["-i", str(scans), "-o", str(out), "-m", str(model)]
    options = ["-device", "cpu", "--disable_tta", "-npp", "1", "-nps", "1", "-f", *map(str, folds)]
    finished = subprocess.run(
        [str(command), *folders, *options],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=900,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]

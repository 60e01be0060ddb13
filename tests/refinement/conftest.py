"""Scans on grids that break careless code, loaded as a bundle loads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from monai.data import MetaTensor
from monai.transforms import LoadImaged

from swinx.data import CTReader


@pytest.fixture(scope="session")
def load_scan() -> Callable[[Path], MetaTensor]:
    """Read a scan by the reader of the bundles."""
    steps = LoadImaged("image", reader=CTReader(), ensure_channel_first=True, image_only=True)
    return lambda path: steps({"image": str(path)})["image"]


@pytest.fixture
def scan(tmp_path: Path, oblique: np.ndarray, load_scan: Callable[[Path], MetaTensor]) -> MetaTensor:
    """Noise with a bright block, 16 x 14 x 9 voxels, on an oblique grid."""
    volume = np.random.default_rng(0).normal(0, 5, (16, 14, 9))
    volume[4:11, 5:12, 2:7] = 200
    path = tmp_path / "scans" / "anna_0000.nii.gz"
    path.parent.mkdir()
    nib.save(nib.Nifti1Image(volume.astype(np.int16), oblique), path)
    return load_scan(path)

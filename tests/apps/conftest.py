"""A packed bundle, scans on the disk, and a MONAI Label server that has both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from support.bundles import ROOT
from support.label_server import CASES, LABEL_PYTHON, LabelServer
from swinx.cohorts import make_phantom
from swinx.networks import SwinXSeg, save_weights
from swinx.nifti import write_nifti
from swinx.packaging import pack_bundle

NETWORK = {"embed_dim": 12, "num_heads": [1, 2, 4, 8], "decoder_channels": 4, "drop_path_rate": 0.0}
SETTINGS = NETWORK | {"roi_size": [32, 32, 32], "pixdim": [6.0, 6.0, 6.0], "antialias": True, "learning_rate": 0.01}


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of the segmentation network as one zip, with random weights of a small network."""
    folder = tmp_path_factory.mktemp("packed")
    torch.manual_seed(0)
    save_weights(SwinXSeg(**NETWORK), folder / "model.pt")
    return pack_bundle(ROOT / "bundles" / "swinx_seg", folder, weights=folder / "model.pt", settings=SETTINGS)


@pytest.fixture(scope="session")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scans of phantoms in ``scans`` and their labels in ``labels``; ct1 is oblique."""
    folder = tmp_path_factory.mktemp("phantoms")
    for seed, (case, axcodes) in enumerate(CASES.items()):
        oblique_deg = 5.0 if case == "ct1" else 0.0
        drawn = make_phantom(
            np.random.default_rng(seed), (64, 60, 40), (6, 6, 7), axcodes=axcodes, oblique_deg=oblique_deg
        )
        for kind, volume in (("scans", drawn.image), ("labels", drawn.label)):
            (folder / kind).mkdir(exist_ok=True)
            write_nifti(folder / kind / f"{case}.nii.gz", volume, drawn.affine)
    return folder


@pytest.fixture(scope="session")
def server(packed: Path, truth: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelServer]:
    """A server at work."""
    if not LABEL_PYTHON.is_file():
        pytest.fail(f"{LABEL_PYTHON} is missing; run `make test-apps`, which installs MONAI Label")
    folder = tmp_path_factory.mktemp("label")
    running = LabelServer(packed, truth / "scans", folder / "apps", folder / "server.log")
    try:
        running.wait_until_up()
        yield running
    finally:
        running.stop()

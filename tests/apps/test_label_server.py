"""MONAI Label's own server with a packed bundle, offline: what 3D Slicer asks of it, in the order of a session."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from support.bundles import arguments
from support.label_server import LABEL_PYTHON, LabelServer

pytestmark = pytest.mark.label


def bundle_prediction(bundle: Path, scan: Path, folder: Path) -> nib.Nifti1Image:
    """What ``monai.bundle run inference`` makes of one file, by the environment and the bundle of the server."""
    command = [str(LABEL_PYTHON), "-m", "monai.bundle", "run", "inference"]
    command += ["--config_file", str(bundle / "configs" / "inference.json")]
    command += arguments(bundle_root=bundle, dataset_dir=scan, output_dir=folder, device="cpu")
    environment = os.environ | {"PYTHONPATH": str(bundle), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return nib.load(folder / scan.name)


def test_the_environment_of_the_server_has_no_swinx():
    done = subprocess.run(
        [LABEL_PYTHON, "-I", "-c", "import swinx"], capture_output=True, text=True, check=False, cwd="/"
    )
    assert "ModuleNotFoundError" in done.stderr


def test_info_names_the_classes_of_the_metadata(server, packed):
    with zipfile.ZipFile(packed) as archive:
        metadata = json.loads(archive.read("swinx_seg/configs/metadata.json"))
    channels = metadata["network_data_format"]["outputs"]["pred"]["channel_def"]
    told = server.get("/info/")["models"]["swinx_seg"]
    assert told["labels"] == {name: int(index) for index, name in channels.items() if name != "background"}
    assert told["version"] == metadata["version"]


@pytest.mark.parametrize("case", ["ct1", "ct2"])
def test_a_scan_gets_the_voxels_that_the_bundle_gives_it(server: LabelServer, truth, tmp_path, case):
    scan = truth / "scans" / f"{case}.nii.gz"
    served = nib.load(server.segment(case, tmp_path / "served.nii.gz"))
    (bundle,) = server.apps.glob("*/model/swinx_seg")
    expected = bundle_prediction(bundle, scan, tmp_path)
    voxels = np.asarray(served.dataobj)
    assert len(np.unique(voxels)) > 2
    np.testing.assert_array_equal(voxels, np.asarray(expected.dataobj))
    np.testing.assert_allclose(served.affine, nib.load(scan).affine, atol=1e-3)


def test_all_weights_had_a_place_in_the_network(server: LabelServer):
    """MONAI Label loads weights that do not fit and says so in its log alone."""
    assert "keys don't match" not in server.log()

"""A model, the scans of one folder in several formats, and their labels by ``monai.bundle run inference``."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from support.bundles import run_bundle
from support.ct_series import write_ct_series
from support.segmentation import some_scan, some_weights, write_scan
from swinx.segmentation import LoadedModel, load_model


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return some_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="session")
def model(weights: Path) -> LoadedModel:
    """The model, by a backend that needs no compiling."""
    return load_model(weights, progress=False, backend="torch")


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one scan as NIfTI, as NRRD and as a DICOM series."""
    folder = tmp_path_factory.mktemp("scans")
    hu, affine = some_scan()
    nifti = write_scan(folder / "nifti_0000.nii.gz")
    SimpleITK.WriteImage(SimpleITK.ReadImage(str(nifti)), str(folder / "nrrd.nrrd"))
    write_ct_series(folder / "dicom", hu.clip(-1024), affine)
    return folder


@pytest.fixture(scope="session")
def monai_output(scans: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run of MONAI."""
    out = tmp_path_factory.mktemp("monai") / "out"
    settings = {"dataset_dir": scans, "output_dir": out, "checkpoint": weights, "backend": "torch", "progress": False}
    finished = run_bundle("inference", "inference", **settings)
    assert finished.returncode == 0, finished.stderr[-2000:]
    return out


@pytest.fixture(scope="session")
def by_monai(monai_output: Path) -> dict[str, np.ndarray]:
    """Labels as they lie in the files of a run of MONAI, by case."""
    files = monai_output.glob("*.nii.gz")
    return {path.name.removesuffix(".nii.gz"): np.asarray(nib.load(path).dataobj) for path in files}

